"""What hdl/formal/run proves, and the mutations that it must refute."""
import dataclasses
import enum


class Method(enum.Enum):
    BMC = "bmc"
    INDUCTION = "induction"
    COVER = "cover"


@dataclasses.dataclass
class Proof:
    name: str
    top: str
    sources: list        # of hdl/rtl, without .sv: read with their properties
    quick: list          # (method, depth in cycles) of every run of the tests: takes seconds
    long: list = dataclasses.field(default_factory=list)   # the rest
    below: list = dataclasses.field(default_factory=list)  # read without
    parameters: dict = dataclasses.field(default_factory=dict)
    seconds: int = 300   # the time limit of each method


@dataclasses.dataclass
class Mutation:
    proof: str
    what: str            # what the broken design does
    source: str          # of hdl/rtl, without .sv
    old: str             # occurs there once
    new: str
    depth: int = 0       # cycles that bmc may need to find it, if not the proof's own


PROOFS = [
    Proof("fifo", "frank_fifo", ["frank_ram", "frank_fifo"],
          [(Method.BMC, 8), (Method.INDUCTION, 3)],
          [(Method.BMC, 20), (Method.COVER, 20)], parameters={"Depth": 4}),
    Proof("axil", "frank_axil", ["frank_axil"],
          [(Method.BMC, 12), (Method.INDUCTION, 3)],
          [(Method.BMC, 30), (Method.COVER, 25)]),
    Proof("wb", "frank_wb", ["frank_wb"],
          [(Method.BMC, 12), (Method.INDUCTION, 3), (Method.COVER, 20)],
          [(Method.BMC, 40)]),
    Proof("regs", "frank_regs", ["frank_regs"],
          [(Method.BMC, 5), (Method.INDUCTION, 3)],
          [(Method.BMC, 12), (Method.COVER, 16)],
          below=["frank_reg_pkg", "frank_ram", "frank_fifo"], parameters={"FifoDepth": 4}),
    Proof("sequencer", "frank_sequencer", ["frank_sequencer"],
          [(Method.BMC, 8), (Method.INDUCTION, 3)],
          [(Method.BMC, 40), (Method.COVER, 35)]),
    Proof("kw_ram", "frank_kw_ram", ["frank_kw_ram"],
          [(Method.BMC, 1), (Method.INDUCTION, 1), (Method.COVER, 1)]),
    Proof("beat", "frank_beat", ["frank_beat"],
          [(Method.BMC, 12), (Method.INDUCTION, 6)],
          [(Method.BMC, 40), (Method.COVER, 110)], parameters={"Unroll": 16}),
]

MUTATIONS = [
]
