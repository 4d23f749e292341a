"""ganzoo's own checks of a part, run on this plug-in's parts."""

from ganzoo.testing import check_generator_block, check_loss


def test_gated_upsample():
    check_generator_block("gated_upsample")


def test_pearson():
    check_loss("pearson")
