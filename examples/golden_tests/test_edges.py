def test_edges(cnnops):
    cnnops("conv", "-k", "../sobel.json", "../digit.npy", expect="../digit-edges.json")
