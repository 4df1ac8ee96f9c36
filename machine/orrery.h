/* liborrery: a whole PC as an object. Create one, run it, feed it input, look at it. Frontends and
 * tests use this interface and nothing below it. One machine belongs to one thread at a time; any
 * number may exist. */
#ifndef MACHINE_ORRERY_H
#define MACHINE_ORRERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct orrery;

/* A sink for what a guest sends out (serial port, debug port). */
struct orrery_sink {
    void (*write)(void *opaque, const void *data, size_t len); /* NULL: discarded */
    void *opaque;
    /* Serial ports: the guest has set these lines; may be NULL. */
    void (*lines)(void *opaque, bool dtr, bool rts);
};

#define ORRERY_SERIAL_PORTS 4
#define ORRERY_NETS         8
#define ORRERY_AUDIODEVS    4
#define ORRERY_DISKS        16
#define ORRERY_CHARDEVS     16
#define ORRERY_LOG_IN_ASM   1
#define ORRERY_LOG_IR       2
#define ORRERY_LOG_OUT_ASM  4
#define ORRERY_LOG_INT      8
#define ORRERY_LOG_RESET    16
#define ORRERY_LOG_ALL      31

/* The host's end of a port of some device: chardev=ID. */
struct orrery_chardev {
    const char *id;
    struct orrery_sink sink;
};

/* A file with names of guest functions: ELF, or a list like System.map. */
struct orrery_symbols {
    const char *path;
    uint64_t offset; /* added to its addresses */
};

/* As the file of a drive: the demonstration that the library has built in, a diskette of 1440 KiB.
 */
#define ORRERY_DEMO "orrery:demo"

/* A drive: a disk if it has a file, or a CD-ROM or floppy drive, empty without one; otherwise none.
 */
struct orrery_drive {
    const char *file; /* raw image: of 512-byte sectors, or of a disc (ISO) */
    bool cdrom;       /* then the image is only read */
    bool floppy;      /* the image's size tells its format */
    bool readonly;    /* the guest's writes fail */
    bool snapshot;    /* they go to memory and are lost at the end */
    bool raw;         /* the image is known to be raw, whatever it begins with */
    /* Of a CD-ROM or floppy drive, up to 63 bytes; NULL: ide0-cd0, ide0-cd1, ide1-cd0 ... and
     * floppy0, floppy1. */
    const char *name;
};

/* Where sound goes: devices name it (audiodev=ID); those that name none are heard on the first. The
 * sink gets frames, each a left and a right int16_t, one for each 1 / rate of a virtual second from
 * the start of the machine on, in blocks some 20 ms after their time; all that are left in
 * orrery_finish(). */
struct orrery_audiodev {
    const char *id; /* NULL: there is none */
    uint32_t rate;  /* frames a second, 8000 to 96000; 0: 44100 */
    struct orrery_sink sink;
};

/* A network: one end of a cable, whose other end a card gets by the option netdev=ID. The sink gets
 * every Ethernet frame that the guest sends, without its checksum; the tap gets those of both
 * directions, at the moment when they pass. large: the sink takes TCP packets of up to 64 KiB, so
 * that cards need not cut them. */
struct orrery_net {
    const char *id;
    struct orrery_sink sink, tap;
    bool large;
};

/* A picture of the guest's screen: every dot of the display area, 0x00RRGGBB, rows without gaps. */
struct orrery_screen {
    uint32_t width, height;
    uint32_t *pixels;
    size_t room; /* pixels allocated */
};

/* The characters of a text mode: low byte the character (code page 437, unless the guest has loaded
 * another font), high byte the attribute. */
struct orrery_text {
    uint32_t columns, rows;
    int32_t cursor; /* index of the cell that it is in, -1: none */
    uint16_t *cells;
    size_t room; /* cells allocated */
};

/* What to build. Zero-initialize, fill in, pass to orrery_create(); strings are copied or only read
 * there. */
struct orrery_config {
    uint64_t ram_bytes; /* 1 MiB to 3.5 GiB, multiple of 4 KiB; 0: 128 MiB */
    const char *accel;  /* "jit" or "interp"; NULL: jit where the host has a back end */
    const char *cpu;    /* "MODEL,+FEATURE,-FEATURE", see orrery_cpu_model(), orrery_cpu_feature();
                           NULL: the default model */
    uint64_t cache_bytes;          /* bound of the code cache; 0: 256 MiB */
    const char *bios;              /* ROM image to start in; NULL: Orrery's own firmware */
    const char *kernel;            /* Linux or Multiboot kernel that firmware starts */
    const char *initrd;            /* initial RAM disk; Multiboot: modules "FILE ARGS,FILE ARGS" */
    const char *append;            /* kernel command line */
    struct orrery_drive ide[4];    /* primary master, slave, secondary master, slave */
    struct orrery_drive floppy[2]; /* A, B */
    struct orrery_sink serial[ORRERY_SERIAL_PORTS];
    bool serial_present[ORRERY_SERIAL_PORTS];
    struct orrery_sink parallel; /* what is printed */
    bool parallel_present;
    struct orrery_sink debugcon;
    bool debugcon_present;
    /* For -device options to name (chardev=ID); at most ORRERY_CHARDEVS; ends with id NULL; may be
     * NULL. */
    const struct orrery_chardev *chardevs;
    /* Disks for -device options to name (drive=NAME): with a file and a name each, no CD-ROMs. At
     * most ORRERY_DISKS; ends with file NULL; may be NULL. */
    const struct orrery_drive *disks;
    const struct orrery_net *nets; /* at most ORRERY_NETS; ends with id NULL; may be NULL */
    bool no_vga;
    struct orrery_audiodev audio[ORRERY_AUDIODEVS];
    const char *speaker; /* audiodev of the PC's loudspeaker; NULL: it is not heard */
    const char *const
        *devices; /* -device options "type,prop=value,...", NULL-terminated; may be NULL */
    const char *record, *replay; /* journal files */
    uint64_t record_check;       /* ticks between state hashes in the journal; 0: 250 million */
    struct {
        char order[4];    /* what firmware boots from: letters a, b, c, d, n; empty: cad */
        char once[4];     /* likewise, until the first reset */
        bool menu;        /* firmware asks */
        uint16_t menu_ms; /* for so long; 0: 2.5 s */
        bool any_floppy;  /* diskettes boot without the signature, too */
    } boot;
    bool no_reboot; /* a reset request stops the machine */
    FILE *log;      /* translation log, with log_mask of ORRERY_LOG_* */
    uint32_t log_mask;
    /* Profiles, written by orrery_finish(); each may be NULL. The host's use SIGPROF, whose handler
     * stays installed, and count the thread that calls orrery_run() first. */
    FILE *profile;          /* guest time, as folded stacks */
    FILE *profile_host;     /* host time, as folded stacks */
    FILE *profile_report;   /* both, for reading */
    uint64_t profile_every; /* guest instructions between samples; 0: 100003 */
    const struct orrery_symbols *profile_symbols; /* ends with path NULL; may be NULL */
    const struct orrery_symbols *symbols;         /* for inspection; likewise */
    const char *trace; /* "FILE,name=value,...": see orrery_trace_start(); NULL: none */
    FILE *perf_map;    /* list of translated blocks for Linux's perf; needs a native back end */
};

/* Why orrery_run() came back. */
enum orrery_stop {
    ORRERY_RUNNING, /* ran as many instructions as asked */
    ORRERY_IDLE, /* the CPU waits for an interrupt; orrery_idle_ns() tells for how long at least */
    ORRERY_POWEROFF,   /* the guest switched off */
    ORRERY_RESET,      /* the guest asked for a reset, under no_reboot */
    ORRERY_EXIT,       /* the guest ended the run: orrery_exit_code() */
    ORRERY_TRIPLE,     /* shutdown after a triple fault: orrery_report_shutdown() */
    ORRERY_REPLAY_END, /* the journal's end */
    ORRERY_DIVERGED,   /* replay met a state that differs from the recorded one: orrery_error() */
    ORRERY_BREAK,      /* a break point: orrery_break_hit() */
    ORRERY_STUCK,      /* the CPU is halted for ever: interrupts off and no NMI can come */
    ORRERY_BEGIN,      /* going back: there is nothing before, see orrery_step_back() */
};

/* Name of the n-th CPU model, NULL past the end. */
const char *orrery_cpu_model(unsigned n);
/* Name of the n-th feature that CPUID reports, likewise. */
const char *orrery_cpu_feature(unsigned n);

/* The n-th device type that orrery_config.devices may name, NULL past the end. */
const char *orrery_device_type(unsigned n);

/* Device type of the n-th network card, NULL past the end. */
const char *orrery_net_model(unsigned n);

/* NULL and one line in err (no newline) when a file is missing or malformed, memory is refused, ...
 */
struct orrery *orrery_create(const struct orrery_config *config, char *err, size_t err_size);
void orrery_free(struct orrery *o);

/* Runs at most max_insns instructions of virtual time. */
enum orrery_stop orrery_run(struct orrery *o, uint64_t max_insns);

/* ORRERY_IDLE: virtual nanoseconds until the next event (UINT64_MAX: only outside input can wake
 * the guest), and letting that much time pass (cut to the next event). Interactive frontends sleep
 * first; others skip at once. */
uint64_t orrery_idle_ns(const struct orrery *o);
void orrery_idle_skip(struct orrery *o, uint64_t ns);

/* Whether a triple fault stops the machine (ORRERY_TRIPLE) instead of resetting it, as under
 * no_reboot: for debuggers. */
void orrery_keep_triple(struct orrery *o, bool keep);

/* How long an instruction lasts, in sixteenths of what the CPU model says: from ORRERY_PACE, which
 * it is at first, to ORRERY_PACE_MAX. A host that is slower than the model keeps a busy guest's
 * time at the wall clock's so. It is input (through the journal) and counts from the next
 * orrery_run() on.
 */
enum { ORRERY_PACE = 16, ORRERY_PACE_MAX = 64 * ORRERY_PACE };
void orrery_set_pace(struct orrery *o, uint32_t pace);
uint32_t orrery_pace(const struct orrery *o);

/* Where to stop, for debuggers: before an instruction, or after one that has accessed memory or a
 * port, or has changed the mode. The guest sees nothing of them. */
enum orrery_break_kind {
    ORRERY_BREAK_CODE,  /* an instruction at a linear address */
    ORRERY_BREAK_WRITE, /* memory by linear address, 1 to 4096 bytes */
    ORRERY_BREAK_READ,
    ORRERY_BREAK_ACCESS,
    ORRERY_BREAK_PHYS_WRITE, /* physical memory and devices' registers; DMA counts, too */
    ORRERY_BREAK_PHYS_READ,
    ORRERY_BREAK_PHYS_ACCESS,
    ORRERY_BREAK_OUT, /* ports */
    ORRERY_BREAK_IN,
    ORRERY_BREAK_PORT,   /* both */
    ORRERY_BREAK_MAGIC,  /* XCHG BX, BX has been executed */
    ORRERY_BREAK_MODE,   /* some of the ORRERY_MODE_ bits in linear has changed */
    ORRERY_BREAK_VECTOR, /* the handler of a vector begins: fault, interrupt or INT n */
    ORRERY_BREAK_CR3     /* CR3 has been loaded with linear; len 0: with anything */
};
enum {
    ORRERY_MODE_PE = 1,
    ORRERY_MODE_PG = 2,
    ORRERY_MODE_VM = 4,
    ORRERY_MODE_SMM = 8,
    ORRERY_MODE_LM = 16 /* IA-32e mode: EFER.LMA */
};
struct orrery_break {
    enum orrery_break_kind kind;
    uint64_t linear; /* the first address, port or vector */
    uint32_t len;    /* how many of them; 1 where there is nothing to count */
};
#define ORRERY_MAX_BREAKS 32
/* Replaces all; n may be 0. False: too many, or too long. */
bool orrery_set_breaks(struct orrery *o, const struct orrery_break *all, unsigned n);
/* The one that ended the last run with ORRERY_BREAK, and where: the address of the instruction or
 * access, the port, the vector, the mode bits that have changed, the value of CR3. The next run
 * passes a code break at this very moment. */
void orrery_break_hit(const struct orrery *o, struct orrery_break *what, uint64_t *at);
/* The next run passes code breaks at this moment, even if it has not stopped at one. */
void orrery_break_pass(struct orrery *o);
/* Has the CPU taken an interrupt, NMI or SMI since the last call? Only known while
 * orrery_set_breaks() has been called. */
bool orrery_interrupted(struct orrery *o);

/* -- snapshots in files --
 *
 * A file has the whole machine at one moment: memory, CPU, devices, what is in its drives, and the
 * contents of images whose writes go to memory. Of other images it has a checksum: they must be as
 * they were. It is for a machine of the same configuration, on any back end and host. */

/* Writes it, first under another name. False with one line in err; then path is as it was. */
bool orrery_save(struct orrery *o, const char *path, char *err, size_t err_size);
/* False with one line in err, and the machine as it was: the file is damaged, or of another
 * machine, or disks are not as they were, or a journal is being recorded or replayed. A history
 * begins anew. */
bool orrery_load(struct orrery *o, const char *path, char *err, size_t err_size);
/* What a file says of itself; false: it is no snapshot. */
struct orrery_snapshot_info {
    uint64_t tick, time_ns; /* the machine's */
    uint64_t bytes;         /* of the file */
    int64_t saved;          /* date, in seconds since 1970 */
};
bool orrery_snapshot_info(const char *path, struct orrery_snapshot_info *out);

/* -- going back in time --
 *
 * A machine with a history can be put to any tick between the history's start and the furthest that
 * it has come to, and run again from there: what came from outside then comes again at its ticks,
 * and nothing is sent out a second time. Where the known ends it is live as before. In the known,
 * input is ignored, but for what an operator or debugger does on purpose (reset, NMI, ports, media,
 * registers, memory): that drops the rest of the known, and the machine is live at once. */

/* The unit of all these: ticks of virtual time since power-on, one for each instruction. */
uint64_t orrery_tick(const struct orrery *o);
/* From now on one can go back to here. budget: bytes that the history may take in memory; what does
 * not fit makes going back slower, or its start later. 0: 512 MiB. */
bool orrery_history_start(struct orrery *o, uint64_t budget, char *err, size_t err_size);
void orrery_history_stop(struct orrery *o); /* forgets it */
/* The ticks that one can go to; false: there is no history. */
bool orrery_history_range(const struct orrery *o, uint64_t *first, uint64_t *last);
struct orrery_history_info {
    uint64_t first, last;
    uint64_t bytes, budget; /* that it takes, and may take */
    unsigned moments;       /* in memory */
    uint64_t inputs;        /* known from there on */
};
bool orrery_history_info(const struct orrery *o, struct orrery_history_info *out);
/* Drops what is known from now on: the machine is live. Ends a replay. */
void orrery_history_fork(struct orrery *o);
/* Puts the machine to a tick of the range. False with one line in err: it is not in the range. */
bool orrery_goto(struct orrery *o, uint64_t tick, char *err, size_t err_size);
/* To before the last instruction (or delivery of an interrupt or exception). ORRERY_RUNNING, or
 * ORRERY_BEGIN: there is nothing before. */
enum orrery_stop orrery_step_back(struct orrery *o);
/* To the last moment before now at which a break point was met: ORRERY_BREAK, see
 * orrery_break_hit(). The machine stands before the instruction, for break points of data, too: so
 * running on meets that one again. ORRERY_BEGIN: none was met; it is at the first tick. */
enum orrery_stop orrery_run_back(struct orrery *o);

/* Input to a serial port; enters through the journal. orrery_serial_room(): bytes it can take
 * without loss. */
void orrery_serial_input(struct orrery *o, unsigned port, const void *data, size_t len);
size_t orrery_serial_room(const struct orrery *o, unsigned port);

/* A key goes down or up; enters through the journal. Its number is its scan code of set 1, with bit
 * 7 for those with the prefix E0; b7h is Print Screen, c6h Pause. */
void orrery_key(struct orrery *o, uint8_t key, bool down);
/* Movement (dy downwards) and wheel (positive: towards the user) since the last call, and the
 * buttons now held (bits 0-4: left, right, middle, 4th, 5th); enters through the journal. */
void orrery_mouse(struct orrery *o, int dx, int dy, int wheel, unsigned buttons);

/* Networks, numbered as configured: a frame for the guest, without checksum (14 to 65553 bytes);
 * enters through the journal. What the card cannot take waits; orrery_net_room(): bytes of frames
 * for which there is room, ORRERY_NET_COST added for each; what is beyond is lost.
 * orrery_net_plug(): plugs the cable of a network in or out; false if there is no such network. */
#define ORRERY_NET_COST 7
void orrery_net_input(struct orrery *o, unsigned net, const void *frame, size_t len);
size_t orrery_net_room(const struct orrery *o, unsigned net);
bool orrery_net_plug(struct orrery *o, const char *id, bool plugged);

/* The same for a character device, by its place in the configuration. */
void orrery_chardev_input(struct orrery *o, unsigned n, const void *data, size_t len);
size_t orrery_chardev_room(const struct orrery *o, unsigned n);

/* Sets the date of the guest's clock, in seconds since 1970; through the journal, too. Before the
 * first orrery_run() it is the date at power-on; otherwise that is a constant. */
void orrery_set_date(struct orrery *o, int64_t seconds);
/* The date that the guest's clock would have had at the guest's time 0. It changes when somebody
 * sets the clock. */
int64_t orrery_epoch(const struct orrery *o);

/* Drives with removable media, by name. Enters through the journal, between two instructions: call
 * it while the machine does not run. What the guest has locked comes out by force only: otherwise
 * the guest is told that somebody wants it, and the result is false. False, too, for an unknown
 * drive or an image that cannot be opened; then nothing happens. One line in err. */
bool orrery_eject(struct orrery *o, const char *drive, bool force, char *err, size_t err_size);
bool orrery_change(struct orrery *o, const char *drive, const char *file, bool force, char *err,
                   size_t err_size);

/* What an operator can do, through the journal as well; it happens with the next orrery_run(), of 0
 * instructions at least. A reset ends any state that the machine has stopped in. The power button
 * asks the guest to shut itself down. */
void orrery_reset(struct orrery *o);
void orrery_powerdown(struct orrery *o);
void orrery_nmi(struct orrery *o);
/* Ports, of 1, 2 or 4 bytes: at once, and recorded. False during a replay, which cannot be
 * disturbed.
 */
bool orrery_port_in(struct orrery *o, uint16_t port, unsigned size, uint32_t *value);
bool orrery_port_out(struct orrery *o, uint16_t port, unsigned size, uint32_t value);
uint64_t orrery_resets(const struct orrery *o); /* so far, by whomever */

int orrery_exit_code(const struct orrery *o);
const char *orrery_error(const struct orrery *o);
/* Prints the three faults of a triple fault with CS:EIP, error codes and the registers. */
void orrery_report_shutdown(const struct orrery *o, FILE *out);

/* Hash of the whole machine: CPU, RAM, devices, time. The same on every host and back end. */
uint64_t orrery_state_hash(struct orrery *o);
/* Ends recording and profiling: writes the journal's end record, the profiles. False with
 * orrery_error() set. */
bool orrery_finish(struct orrery *o);

/* Virtual time in nanoseconds; instructions retired. */
uint64_t orrery_time_ns(const struct orrery *o);
uint64_t orrery_retired(const struct orrery *o);
/* -stats: one "name: value" line each. host_seconds is the caller's measurement. */
void orrery_print_stats(const struct orrery *o, double host_seconds, FILE *out);

/* Writes a trace (docs/trace.md) until orrery_trace_stop() or orrery_finish(). option: "FILE", with
 * filters behind it: what=insn+mem+int+io+dma+screen, from=TICK, to=TICK, addr=A-B, phys=A-B,
 * pc=A-B, screen=TICKS. False with one line in err. */
bool orrery_trace_start(struct orrery *o, const char *option, char *err, size_t err_size);
bool orrery_trace_stop(struct orrery *o, char *err, size_t err_size);

/* Who has written to memory last, or changed a register, of all that the history knows. Memory: up
 * to 8 bytes of one page, by physical address, whoever has written to any of them, and if it was
 * what had been there. Registers: as traces name them (docs/trace.md); of the last 100 million
 * ticks. */
enum orrery_writer_kind {
    ORRERY_WRITER_NONE,      /* nobody since `first` */
    ORRERY_WRITER_INSN,      /* an instruction */
    ORRERY_WRITER_INTERRUPT, /* the delivery of an interrupt or exception */
    ORRERY_WRITER_DMA,       /* a device */
    ORRERY_WRITER_WALK,      /* the page walk of an instruction's access or fetch */
    ORRERY_WRITER_SMM,       /* the CPU on its way into system management mode */
    ORRERY_WRITER_OTHER,     /* a reset */
};
struct orrery_writer {
    enum orrery_writer_kind kind;
    uint64_t first; /* how far back it was looked for */
    uint64_t tick;  /* before it happened; the machine can be put there: orrery_goto() */
    uint16_t cs;    /* what the CPU was at */
    uint64_t eip;
    uint64_t linear;  /* of CS:EIP */
    char device[64];  /* DMA: its id */
    uint8_t vector;   /* INTERRUPT */
    bool soft, fault; /* INTERRUPT: of INT n and its kin; an exception */
    uint64_t before, after;
    uint8_t len; /* of the instruction; 0: it cannot be read */
    uint8_t bytes[15];
    char text[128]; /* the instruction in words */
};
/* False with one line in err; the machine is where it was in any case, or err says that it is not.
 */
bool orrery_who_memory(struct orrery *o, uint64_t phys, unsigned len, struct orrery_writer *w,
                       char *err, size_t err_size);
bool orrery_who_register(struct orrery *o, const char *name, struct orrery_writer *w, char *err,
                         size_t err_size);

/* What is on the screen now; false without a VGA or memory. Zero-initialize *screen or *text, use
 * it as often as you like, free its memory in the end. orrery_text() is also false in graphics
 * modes and while the screen is blank. */
bool orrery_screen(struct orrery *o, struct orrery_screen *screen);
void orrery_screen_free(struct orrery_screen *screen);
bool orrery_text(struct orrery *o, struct orrery_text *text);
void orrery_text_free(struct orrery_text *text);

/* The screen as a file: PPM, or PNG where Orrery was built with libpng. False with a message in
 * err. */
enum orrery_picture { ORRERY_PPM, ORRERY_PNG };
bool orrery_can_png(void);
bool orrery_screendump(struct orrery *o, FILE *out, enum orrery_picture format, char *err,
                       size_t err_size);

/* Registers by index: 0-7 general (EAX ECX EDX EBX ESP EBP ESI EDI), 8 EIP, 9 EFLAGS, 10-15 ES CS
 * SS DS FS GS selectors, 16-19 CR0 CR2 CR3 CR4. Selectors and control registers are read-only here.
 */
enum {
    ORRERY_ESP = 4,
    ORRERY_EIP = 8,
    ORRERY_EFLAGS,
    ORRERY_ES,
    ORRERY_CR0 = 16,
    ORRERY_REGS = 20
};
uint64_t orrery_reg(const struct orrery *o, unsigned reg);
/* What is written into registers and memory is an input, too: it is recorded, and does nothing
 * (false) in a replay. */
bool orrery_set_reg(struct orrery *o, unsigned reg, uint64_t value);

/* All registers, for debuggers: by the names that they have in the monitor's expressions, eip an
 * offset in CS and pc the linear address; -1: there is no such register. Values are little-endian,
 * of orrery_register_bytes() bytes. orrery_write_register() is false if the CPU cannot have that
 * value in its present mode (a selector of nothing, reserved bits), for what is read-only, and in
 * a replay. It is an input. */
#define ORRERY_REGISTER_MAX 16
int orrery_find_register(const char *name);
unsigned orrery_register_bytes(int reg);
void orrery_read_register(const struct orrery *o, int reg, uint8_t *value);
bool orrery_write_register(struct orrery *o, int reg, const uint8_t *value);
bool orrery_has_sse(const struct orrery *o);

/* -- looking inside, in the words of QEMU's monitor, whose output scripts read -- */

void orrery_print_registers(const struct orrery *o, FILE *out);
/* A register's value by the name that it has in expressions: those above of up to 8 bytes, at their
 * full width (pc, fs.base, cr3, ...), and sp, fp and rflags. */
bool orrery_reg_by_name(const struct orrery *o, const char *name, uint64_t *value);

/* A linear address as the CPU has it: outside IA-32e mode they wrap at 4 GiB. The functions below
 * do the same. */
uint64_t orrery_linear(const struct orrery *o, uint64_t linear);

/* Linear to physical as the CPU would translate now, without a trace in the guest. False: it would
 * fault. */
bool orrery_translate(struct orrery *o, uint64_t linear, uint64_t *phys);
/* Physical memory as it looks without a trace: of devices, video memory; elsewhere ones. */
void orrery_peek_phys(struct orrery *o, uint64_t addr, void *buf, size_t len);
/* The same by linear address. False if part is not mapped. */
bool orrery_read_linear(struct orrery *o, uint64_t linear, void *buf, size_t len);

/* Writes RAM by linear address, as an input; all or, if part is not mapped or no RAM, nothing. */
bool orrery_write_linear(struct orrery *o, uint64_t linear, const void *buf, size_t len);

/* One instruction, which is at bytes[0..avail-1] and at address `at` of a segment of the current
 * code size. Its length, at least 1. */
unsigned orrery_disassemble(struct orrery *o, const uint8_t *bytes, size_t avail, uint64_t at,
                            char *text, size_t size);

/* Lists; what they are about is in their names ("info X" of the monitor). */
void orrery_print_tlb(struct orrery *o, FILE *out);
void orrery_print_mem(struct orrery *o, FILE *out);
void orrery_print_pic(const struct orrery *o, FILE *out);
void orrery_print_lapic(const struct orrery *o, FILE *out);
void orrery_print_irq(const struct orrery *o, FILE *out);
void orrery_print_mtree(struct orrery *o, FILE *out);
void orrery_print_qtree(const struct orrery *o, FILE *out);
void orrery_print_roms(struct orrery *o, FILE *out);
void orrery_print_jit(const struct orrery *o, FILE *out);
/* Fields of the device with that id, or of all (NULL). False: there is no such device. */
bool orrery_print_state(const struct orrery *o, const char *id, FILE *out);

/* -- facts: the same for people and programs -- */

/* Who is told. A fact is an object, a list, a number, a text or a flag; name is NULL for what is in
 * a list. Lines say for people what the rest says for programs. */
struct orrery_facts {
    void (*open)(void *opaque, const char *name, bool list);
    void (*close)(void *opaque); /* what was opened last */
    void (*number)(void *opaque, const char *name, uint64_t value);
    void (*text)(void *opaque, const char *name, const char *value);
    void (*flag)(void *opaque, const char *name, bool value);
    void (*line)(void *opaque, const char *text);
    void *opaque;
};

/* The last exception: the rule that was broken, the evidence, and the chain of faults that it
 * began.
 */
void orrery_why(struct orrery *o, const struct orrery_facts *f);

/* An access to a segment's offset, step by step. The machine does not notice. */
struct orrery_walk {
    int seg; /* 0-5: ES CS SS DS FS GS; -1: selector, as it would be loaded into DS (SS for
                the stack, CS for a fetch); -2: none, offset is a linear address */
    uint16_t selector;
    uint64_t offset;
    char access;   /* r, w or x */
    int cpl;       /* -1: the present one */
    unsigned size; /* bytes */
};
void orrery_explain_walk(struct orrery *o, const struct orrery_walk *w,
                         const struct orrery_facts *f);

/* Tables, decoded: "gdt", "ldt", "idt", "tss", "tlb" (what the TLB holds), "pages" (what the tables
 * map). False: no such table. */
bool orrery_explain_table(struct orrery *o, const char *table, const struct orrery_facts *f);

/* The present mappings of pages, kept under a name (of up to 31 characters); false: no memory. */
bool orrery_keep_map(struct orrery *o, const char *name);
/* What differs between two kept ones; "now" is the present. False with a message in err. */
bool orrery_explain_map(struct orrery *o, const char *from, const char *to,
                        const struct orrery_facts *f, char *err, size_t err_size);

/* The block that translates the code at a linear address: the guest's instructions, IR before and
 * after optimization, the host's code, and how often it has run since the first question about it.
 * False: no code is mapped there. */
bool orrery_explain_block(struct orrery *o, uint64_t linear, const struct orrery_facts *f);

/* The function that a linear address is in, as "name" or "name+0x12", of orrery_config.symbols.
 * False: none is known. */
bool orrery_symbol(const struct orrery *o, uint64_t linear, char *buf, size_t size);

bool orrery_paging(const struct orrery *o);
unsigned orrery_code_bits(const struct orrery *o); /* of code now: 16, 32 or 64 */
bool orrery_is_long(const struct orrery *o);       /* IA-32e mode: addresses have 64 bits */
/* Is what runs, or is to run, 64-bit code: IA-32e mode is on, or the CPU has it and the kernel or
 * the symbols given are of that kind? */
bool orrery_debugs_64(const struct orrery *o);
bool orrery_halted(const struct orrery *o);
bool orrery_has_apic(const struct orrery *o);
uint64_t orrery_ram_bytes(const struct orrery *o);

/* The n-th function on the PCI bus; false past the last one. */
struct orrery_pci_bar {
    bool present, io, prefetch;
    uint32_t address; /* 0: not set up */
    uint32_t size;
};
struct orrery_pci {
    unsigned slot, function;
    uint16_t vendor, device, class_code; /* class and subclass */
    uint16_t subsystem_vendor, subsystem;
    uint8_t irq_line, irq_pin; /* pin 0: none */
    struct orrery_pci_bar bar[6];
};
bool orrery_pci_function(const struct orrery *o, unsigned n, struct orrery_pci *out);

/* The n-th drive; false past the last one. Strings are good until media are changed. */
struct orrery_drive_state {
    const char *name, *file; /* file NULL: empty */
    bool removable, readonly, tray_open, locked;
};
bool orrery_drive_state(const struct orrery *o, unsigned n, struct orrery_drive_state *out);

/* Guest physical memory (RAM and ROM); false if part of it is not there, and for writing in a
 * replay. */
bool orrery_read_phys(struct orrery *o, uint64_t addr, void *buf, size_t len);
bool orrery_write_phys(struct orrery *o, uint64_t addr, const void *buf, size_t len);

#endif
