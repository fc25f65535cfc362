"""A realistic Devora source, made from nothing but a scale and a seed, with every anomaly on the books."""

from devora_console.demo.data.dump import write_dump
from devora_console.demo.data.fill import fill
from devora_console.demo.data.generator import generate
from devora_console.demo.data.scales import Scale
from devora_console.demo.data.truth import Anomaly, CollectionTruth, SourceTruth, truth

__all__ = ["Anomaly", "CollectionTruth", "Scale", "SourceTruth", "fill", "generate", "truth", "write_dump"]
