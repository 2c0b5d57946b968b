"""How a convolution is computed: the plan, from shapes alone, and the arithmetic on its tiles."""
