"""ganzoo's own checks of a part, run on this plug-in's parts."""

from ganzoo_plugin_example.gated_upsample import GatedUpsample
from ganzoo_plugin_example.mirror_consistency import MirrorConsistency
from ganzoo_plugin_example.pearson import Pearson

from ganzoo.testing import check_generator_block, check_loss, check_objective


def test_gated_upsample():
    check_generator_block(GatedUpsample)


def test_pearson():
    check_loss(Pearson)


def test_mirror_consistency():
    check_objective(MirrorConsistency)
