/* Made by hdl/regs/generate.py from hdl/regs/registers.toml; edit that instead. */

/*
 * registers: byte offsets of the core's registers, masks and shifts of their fields (a mask is
 * in place: mask it, then shift), values by name, lengths of windows in words of 32 bits.
 * ro, rw, wo: what a bus may do with it.
 */
#ifndef FRANK_DRIVER_REGISTERS_H
#define FRANK_DRIVER_REGISTERS_H

#define FRANK_FPGA_ID            0x46524E4Bu
#define FRANK_FPGA_VERSION_MAJOR 1u
#define FRANK_FPGA_VERSION_MINOR 0u
#define FRANK_FPGA_ADDRESS_BYTES 0x2000u

/* ro: "FRNK" in ASCII: tells the core from a bus that answers anything, such as all ones. */
#define FRANK_FPGA_REG_ID 0x000u

/* ro: Version of this register map. A driver refuses another major version. */
#define FRANK_FPGA_REG_VERSION             0x004u
#define FRANK_FPGA_REG_VERSION_MINOR_MASK  0x0000FFFFu
#define FRANK_FPGA_REG_VERSION_MINOR_SHIFT 0u
#define FRANK_FPGA_REG_VERSION_MAJOR_MASK  0xFFFF0000u
#define FRANK_FPGA_REG_VERSION_MAJOR_SHIFT 16u

/* ro: What this core was built with: throughput is UNROLL / (64 x blocks) attempts per cycle and
 * ring. */
#define FRANK_FPGA_REG_PARAM0                 0x008u
#define FRANK_FPGA_REG_PARAM0_UNROLL_MASK     0x000000FFu
#define FRANK_FPGA_REG_PARAM0_UNROLL_SHIFT    0u
#define FRANK_FPGA_REG_PARAM0_IN_FLIGHT_MASK  0x0000FF00u
#define FRANK_FPGA_REG_PARAM0_IN_FLIGHT_SHIFT 8u
#define FRANK_FPGA_REG_PARAM0_RINGS_MASK      0x00FF0000u
#define FRANK_FPGA_REG_PARAM0_RINGS_SHIFT     16u

/* ro: Sizes that this core was built with. */
#define FRANK_FPGA_REG_PARAM1                  0x00Cu
#define FRANK_FPGA_REG_PARAM1_BLOCKS_MAX_MASK  0x000000FFu
#define FRANK_FPGA_REG_PARAM1_BLOCKS_MAX_SHIFT 0u
#define FRANK_FPGA_REG_PARAM1_BUFFERS_MASK     0x0000FF00u
#define FRANK_FPGA_REG_PARAM1_BUFFERS_SHIFT    8u
#define FRANK_FPGA_REG_PARAM1_FIFO_DEPTH_MASK  0xFFFF0000u
#define FRANK_FPGA_REG_PARAM1_FIFO_DEPTH_SHIFT 16u

/* wo: Commands: a 1 does it, a 0 does nothing. */
#define FRANK_FPGA_REG_CTRL             0x010u
#define FRANK_FPGA_REG_CTRL_ABORT_MASK  0x00000001u
#define FRANK_FPGA_REG_CTRL_ABORT_SHIFT 0u
#define FRANK_FPGA_REG_CTRL_RESET_MASK  0x00000002u
#define FRANK_FPGA_REG_CTRL_RESET_SHIFT 1u

/* ro: What the core does now. */
#define FRANK_FPGA_REG_STATUS                   0x014u
#define FRANK_FPGA_REG_STATUS_RUNNING_MASK      0x00000001u
#define FRANK_FPGA_REG_STATUS_RUNNING_SHIFT     0u
#define FRANK_FPGA_REG_STATUS_PENDING_MASK      0x00000002u
#define FRANK_FPGA_REG_STATUS_PENDING_SHIFT     1u
#define FRANK_FPGA_REG_STATUS_READY_MASK        0x00000004u
#define FRANK_FPGA_REG_STATUS_READY_SHIFT       2u
#define FRANK_FPGA_REG_STATUS_BUFFER_BUSY_MASK  0x00000030u
#define FRANK_FPGA_REG_STATUS_BUFFER_BUSY_SHIFT 4u
#define FRANK_FPGA_REG_STATUS_RUN_ID_MASK       0x3FFF0000u
#define FRANK_FPGA_REG_STATUS_RUN_ID_SHIFT      16u

/* rw: The first error since it was last cleared; writing any value clears it. An access that
 * caused one was answered with SLVERR and had no other effect. */
#define FRANK_FPGA_REG_ERR_CODE              0x018u
#define FRANK_FPGA_REG_ERR_CODE_RESET        0x00000000u
#define FRANK_FPGA_REG_ERR_CODE_CODE_MASK    0x000000FFu
#define FRANK_FPGA_REG_ERR_CODE_CODE_SHIFT   0u
#define FRANK_FPGA_REG_ERR_CODE_CODE_NONE    0u
#define FRANK_FPGA_REG_ERR_CODE_CODE_BLOCKS  1u
#define FRANK_FPGA_REG_ERR_CODE_CODE_WORD    2u
#define FRANK_FPGA_REG_ERR_CODE_CODE_RANGE   3u
#define FRANK_FPGA_REG_ERR_CODE_CODE_PENDING 4u
#define FRANK_FPGA_REG_ERR_CODE_CODE_BUFFER  5u

/* ro: Levels, not events: each bit is 1 as long as its cause lasts, or IRQ_TEST sets it. The
 * interrupt line is the OR of IRQ_STATE AND IRQ_ENABLE. */
#define FRANK_FPGA_REG_IRQ_STATE             0x01Cu
#define FRANK_FPGA_REG_IRQ_STATE_FIFO_MASK   0x00000001u
#define FRANK_FPGA_REG_IRQ_STATE_FIFO_SHIFT  0u
#define FRANK_FPGA_REG_IRQ_STATE_READY_MASK  0x00000002u
#define FRANK_FPGA_REG_IRQ_STATE_READY_SHIFT 1u
#define FRANK_FPGA_REG_IRQ_STATE_ERROR_MASK  0x00000004u
#define FRANK_FPGA_REG_IRQ_STATE_ERROR_SHIFT 2u

/* rw: Which levels reach the interrupt line; bits as in IRQ_STATE. */
#define FRANK_FPGA_REG_IRQ_ENABLE             0x020u
#define FRANK_FPGA_REG_IRQ_ENABLE_RESET       0x00000000u
#define FRANK_FPGA_REG_IRQ_ENABLE_FIFO_MASK   0x00000001u
#define FRANK_FPGA_REG_IRQ_ENABLE_FIFO_SHIFT  0u
#define FRANK_FPGA_REG_IRQ_ENABLE_READY_MASK  0x00000002u
#define FRANK_FPGA_REG_IRQ_ENABLE_READY_SHIFT 1u
#define FRANK_FPGA_REG_IRQ_ENABLE_ERROR_MASK  0x00000004u
#define FRANK_FPGA_REG_IRQ_ENABLE_ERROR_SHIFT 2u

/* rw: Sets levels of IRQ_STATE, to try the way of an interrupt; bits as in IRQ_STATE. */
#define FRANK_FPGA_REG_IRQ_TEST             0x024u
#define FRANK_FPGA_REG_IRQ_TEST_RESET       0x00000000u
#define FRANK_FPGA_REG_IRQ_TEST_FIFO_MASK   0x00000001u
#define FRANK_FPGA_REG_IRQ_TEST_FIFO_SHIFT  0u
#define FRANK_FPGA_REG_IRQ_TEST_READY_MASK  0x00000002u
#define FRANK_FPGA_REG_IRQ_TEST_READY_SHIFT 1u
#define FRANK_FPGA_REG_IRQ_TEST_ERROR_MASK  0x00000004u
#define FRANK_FPGA_REG_IRQ_TEST_ERROR_SHIFT 2u

/* rw: Writing an id starts the job that the JOB registers describe, at once or after the running
 * one. Reads as the id last started. Writing that id again has no effect, so a START may be
 * repeated. */
#define FRANK_FPGA_REG_START_ID            0x028u
#define FRANK_FPGA_REG_START_ID_RESET      0x80000000u
#define FRANK_FPGA_REG_START_ID_ID_MASK    0x00003FFFu
#define FRANK_FPGA_REG_START_ID_ID_SHIFT   0u
#define FRANK_FPGA_REG_START_ID_NONE_MASK  0x80000000u
#define FRANK_FPGA_REG_START_ID_NONE_SHIFT 31u

/* rw: The job to be started: its message. */
#define FRANK_FPGA_REG_JOB_SHAPE              0x02Cu
#define FRANK_FPGA_REG_JOB_SHAPE_RESET        0x00000000u
#define FRANK_FPGA_REG_JOB_SHAPE_BLOCKS_MASK  0x0000000Fu
#define FRANK_FPGA_REG_JOB_SHAPE_BLOCKS_SHIFT 0u
#define FRANK_FPGA_REG_JOB_SHAPE_WORD_MASK    0x00000F00u
#define FRANK_FPGA_REG_JOB_SHAPE_WORD_SHIFT   8u
#define FRANK_FPGA_REG_JOB_SHAPE_BUFFER_MASK  0x00010000u
#define FRANK_FPGA_REG_JOB_SHAPE_BUFFER_SHIFT 16u

/* rw: A counter is a hit when the first word of its hash is at or below this. */
#define FRANK_FPGA_REG_JOB_TARGET       0x030u
#define FRANK_FPGA_REG_JOB_TARGET_RESET 0x00000000u

/* rw: First counter of the job. */
#define FRANK_FPGA_REG_JOB_FIRST       0x034u
#define FRANK_FPGA_REG_JOB_FIRST_RESET 0x00000000u

/* rw: Last counter of the job, itself examined: FIRST = 0 and LAST = 0xffffffff are all 2^32. */
#define FRANK_FPGA_REG_JOB_LAST       0x038u
#define FRANK_FPGA_REG_JOB_LAST_RESET 0x00000000u

/* ro: The counter of the running job that is examined next. */
#define FRANK_FPGA_REG_POSITION 0x03Cu

/* ro: Counters examined since the reset line was last pulled, low word. Read HI, LO, HI until both
 * HI agree. */
#define FRANK_FPGA_REG_ATTEMPTS_LO 0x040u

/* ro: High word of ATTEMPTS_LO. */
#define FRANK_FPGA_REG_ATTEMPTS_HI 0x044u

/* ro: Clock cycles since the reset line was last pulled, wrapping: one that stands still is a
 * clock that does. */
#define FRANK_FPGA_REG_HEARTBEAT 0x048u

/* ro: Entries in the FIFO. */
#define FRANK_FPGA_REG_FIFO_LEVEL 0x04Cu

/* ro: Hits dropped since reset because the FIFO was full, wrapping. */
#define FRANK_FPGA_REG_FIFO_DROPPED 0x050u

/* ro: Oldest entry of the FIFO: HIT, the counter; END, the last counter examined (FIRST - 1 modulo
 * 2^32 where there was none). Zero where there is no entry. */
#define FRANK_FPGA_REG_ENTRY_COUNTER 0x054u

/* ro: Oldest entry of the FIFO: what it is. All zero where there is none. */
#define FRANK_FPGA_REG_ENTRY_TAG                0x058u
#define FRANK_FPGA_REG_ENTRY_TAG_ID_MASK        0x00003FFFu
#define FRANK_FPGA_REG_ENTRY_TAG_ID_SHIFT       0u
#define FRANK_FPGA_REG_ENTRY_TAG_END_MASK       0x00004000u
#define FRANK_FPGA_REG_ENTRY_TAG_END_SHIFT      14u
#define FRANK_FPGA_REG_ENTRY_TAG_DROPPED_MASK   0x00008000u
#define FRANK_FPGA_REG_ENTRY_TAG_DROPPED_SHIFT  15u
#define FRANK_FPGA_REG_ENTRY_TAG_SEQUENCE_MASK  0x00FF0000u
#define FRANK_FPGA_REG_ENTRY_TAG_SEQUENCE_SHIFT 16u
#define FRANK_FPGA_REG_ENTRY_TAG_VALID_MASK     0x80000000u
#define FRANK_FPGA_REG_ENTRY_TAG_VALID_SHIFT    31u

/* wo: Takes the oldest entry off the FIFO if SEQUENCE is its number; else nothing happens, so a
 * POP may be repeated. */
#define FRANK_FPGA_REG_ENTRY_POP                0x05Cu
#define FRANK_FPGA_REG_ENTRY_POP_SEQUENCE_MASK  0x000000FFu
#define FRANK_FPGA_REG_ENTRY_POP_SEQUENCE_SHIFT 0u

/* rw: The windows below write to this job buffer. */
#define FRANK_FPGA_REG_LOAD_BUFFER              0x060u
#define FRANK_FPGA_REG_LOAD_BUFFER_RESET        0x00000000u
#define FRANK_FPGA_REG_LOAD_BUFFER_BUFFER_MASK  0x00000001u
#define FRANK_FPGA_REG_LOAD_BUFFER_BUFFER_SHIFT 0u

/* wo: Words 0 to 15 of the first block, big-endian as SHA-256 reads them; the counter's two words
 * are not read. */
#define FRANK_FPGA_REG_TEMPLATE       0x080u
#define FRANK_FPGA_REG_TEMPLATE_WORDS 16u

/* wo: State a to h before the first block: SHA-256's initial value, or a midstate. */
#define FRANK_FPGA_REG_INIT       0x0C0u
#define FRANK_FPGA_REG_INIT_WORDS 8u

/* wo: K[t] + W[t] of the blocks after the first: block b (1 to BLOCKS_MAX-1), round t at offset
 * 0x1000 + 256 b + 4 t. Block 0 has none: its offsets hold no register, like those past
 * BLOCKS_MAX. */
#define FRANK_FPGA_REG_KW       0x1000u
#define FRANK_FPGA_REG_KW_WORDS 768u

#endif
