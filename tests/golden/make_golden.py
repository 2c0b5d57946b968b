"""Write the fixtures of this folder with PyTorch 2.13; the same bytes every time it is run.

python tests/golden/make_golden.py
"""

import warnings

import torch
from cases_batchnorm import batchnorm_cases
from cases_conv import conv_cases
from cases_dropout import dropout_cases
from cases_maxpool import maxpool_cases
from store import save

CASES = {
    "conv": conv_cases,
    "maxpool": maxpool_cases,
    "batchnorm": batchnorm_cases,
    "dropout": dropout_cases,
}


def main():
    if not torch.__version__.startswith("2.13."):
        raise SystemExit(f"the fixtures are of PyTorch 2.13, this is {torch.__version__}")
    torch.set_num_threads(1)
    # PyTorch's own remark about 'same' and even kernels.
    warnings.filterwarnings("ignore", message="Using padding='same'")
    for operator, make in CASES.items():
        cases = list(make())
        save(operator, cases)
        print(f"{operator}: {len(cases)} cases")


if __name__ == "__main__":
    main()
