"""Arrays that no memory holds: which part of the input a part of the result sees."""
