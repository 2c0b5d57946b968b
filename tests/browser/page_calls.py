"""Calls whose lessons the tests of the page open."""

from functools import cache

import numpy as np

from cnnops_cli import batchnorm, conv, dropout, lesson, maxpool

IMAGE = np.arange(1, 13).reshape(1, 3, 4)
LETTERS = [[[["a", "b"], ["c", "d"]]]]


def numbers(*shape):
    """Tenths from -4 to 4 that look random, and are the same each time."""
    return np.round(4 * np.sin(np.arange(1, 1 + np.prod(shape)) ** 2), 1).reshape(shape)


def notes():
    """The example of the course notes."""
    return lesson(conv, IMAGE, LETTERS, stride=(1, 2))


def reflected():
    """Three channels and two filters, with padding that repeats elements."""
    options = {"padding": 1, "padding_mode": "reflect"}
    return lesson(conv, numbers(3, 5, 5), numbers(2, 3, 3, 3), numbers(2), **options)


def dilated():
    return lesson(conv, numbers(1, 8, 8), numbers(1, 1, 3, 3), dilation=2)


def grouped():
    options = {"groups": 2, "dilation": 2, "padding": 1}
    return lesson(conv, numbers(4, 8, 8), numbers(4, 2, 3, 3), **options)


def deep():
    return lesson(conv, numbers(2, 4, 4, 4), numbers(2, 2, 2, 2, 2), padding=1)


def pooled():
    image = numbers(2, 5, 5)
    image[0, 1, 1] = np.nan
    return lesson(maxpool, image, 3, stride=2, padding=1)


def normalised():
    return lesson(batchnorm, numbers(2, 3, 2, 2), training=True)


def weighted():
    """Of which no two formulas are of one length."""
    return lesson(batchnorm, [[-1, 2], [-3, 4], [-8, 1]], weight=[-2, 1], training=True)


def lettered():
    """Letters and zeros, in several channels and in one."""
    image = [[["x", 0, "y"], [0, 0, "z"]], [["long_name", 2, 0], [3, "t", 0]]]
    return lesson(conv, image, [[[["a", 0], ["b", "c"]]] * 2], padding=1)


def dropped():
    return lesson(dropout, IMAGE / 2, 0.5, seed=0)


def line():
    """One spatial axis, in two channels."""
    return lesson(conv, numbers(2, 12), numbers(2, 2, 3), numbers(2), padding=1)


def wide():
    return lesson(maxpool, numbers(1, 16, 64), 4)


def tall():
    return lesson(conv, numbers(1, 64, 8), numbers(1, 1, 3, 3))


@cache
def largest_convolution():
    return lesson(conv, numbers(1, 90, 100), numbers(1, 1, 3, 3))


@cache
def largest_sum():
    return lesson(conv, numbers(64, 12, 12), numbers(3, 64, 3, 3))


@cache
def most_planes():
    return lesson(batchnorm, numbers(500, 2, 3, 3), training=True)


@cache
def most_samples():
    return lesson(batchnorm, numbers(4000, 2), training=True)


@cache
def largest_mask():
    return lesson(dropout, numbers(81, 82), 0.5, seed=0)


@cache
def largest_pooling():
    return lesson(maxpool, np.arange(1, 15489).reshape(2, 88, 88) % 256, 2)


@cache
def largest_normalisation():
    return lesson(batchnorm, numbers(1, 1, 90, 100), training=True)


@cache
def held_window():
    return lesson(maxpool, numbers(1, 45, 45), 40, stride=1)


@cache
def largest_window():
    return lesson(conv, numbers(1, 97, 97), numbers(1, 1, 95, 95))


@cache
def largest_pooled_window():
    return lesson(maxpool, numbers(1, 97, 97), 95, stride=1)


@cache
def longest_window():
    return lesson(conv, numbers(1, 8990), numbers(1, 1, 8985))


@cache
def most_channels():
    return lesson(conv, numbers(4900, 1, 1), numbers(2, 4900, 1, 1), numbers(2))


@cache
def deepest():
    return lesson(conv, numbers(2, 2000, 1, 1), numbers(1, 2, 1990, 1, 1))


ALL = [notes, reflected, dilated, grouped, deep, pooled, normalised, weighted, dropped]
LARGEST = [
    largest_convolution,
    largest_sum,
    largest_pooling,
    largest_normalisation,
    most_planes,
    most_samples,
    largest_mask,
    largest_window,
    largest_pooled_window,
    longest_window,
    most_channels,
    deepest,
]
PLANES = {largest_sum: 64 + 64 + 1, most_channels: 64 + 64 + 1, deepest: 64 + 64 + 1}
