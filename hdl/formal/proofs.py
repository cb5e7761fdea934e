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
    methods: list        # (method, depth in cycles)
    below: list = dataclasses.field(default_factory=list)  # read without
    parameters: dict = dataclasses.field(default_factory=dict)
    quick: bool = True   # takes seconds: belongs to every run of the tests
    seconds: int = 60    # the time limit of each method


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
          [(Method.BMC, 12), (Method.INDUCTION, 3), (Method.COVER, 20)], parameters={"Depth": 4}),
    Proof("axil", "frank_axil", ["frank_axil"],
          [(Method.BMC, 15), (Method.INDUCTION, 3), (Method.COVER, 25)]),
    Proof("wb", "frank_wb", ["frank_wb"],
          [(Method.BMC, 15), (Method.INDUCTION, 3), (Method.COVER, 20)]),
    Proof("regs", "frank_regs", ["frank_regs"],
          [(Method.BMC, 8), (Method.INDUCTION, 3), (Method.COVER, 16)],
          ["frank_reg_pkg", "frank_ram", "frank_fifo"], {"FifoDepth": 4}),
]

MUTATIONS = [
]
