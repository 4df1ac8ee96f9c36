/* The composition root: builds a PC out of CPU, memory, devices and translator, and runs it.
 *
 * Time: one tick for each retired instruction, and ticks skipped while the CPU is halted. The loop
 * runs the CPU up to the next timer or journal entry, fires what is due, and goes on; nothing of
 * the host's time enters. */
#include "machine/machine.h"

#include "base/check.h"
#include "base/hash.h"
#include "cpu/cpuid.h"
#include "cpu/decode.h"
#include "cpu/monitor.h"
#include "cpu/persona.h"
#include "devices/board_pc.h"
#include "devices/core/blk.h"
#include "devices/core/dev.h"
#include "devices/fw_cfg.h"
#include "jit/backend.h"
#include "machine/firmware.h"
#include "machine/linux_boot.h"
#include "machine/multiboot.h"
#include "machine/profile.h"
#include "machine/symbols.h"
#include "machine/trace.h"
#include "machine/symbols.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_RAM   (128ull << 20)
#define MIN_RAM       (1ull << 20)
#define MAX_RAM       (3584ull << 20)
#define DEFAULT_CACHE (256ull << 20)
#define MIN_CACHE     (1ull << 20)
#define CHECK_TICKS   500000000ull /* state hash in the journal every so many ticks */

/* -- what clock and journal ask -- */

static u64 clock_ticks_now(void *opaque)
{
    struct orrery *o = opaque;
    return cpu_icount(o->cpu);
}

static void on_deadline(void *opaque)
{
    struct orrery *o = opaque;
    jit_shorten(o->cpu, clock_next_ticks(&o->clock));
}

static u64 journal_state_hash(void *opaque)
{
    return orrery_state_hash(opaque);
}

/* -- building -- */

static bool fail(char *err, size_t size, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static bool fail(char *err, size_t size, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err, size, fmt, ap);
    va_end(ap);
    return false;
}

static bool build_cpu(struct orrery *o, u64 ram, const struct cpu_model *model, char *err,
                      size_t size)
{
    const struct cpu_pins pins = cpu_wires(o);
    o->phys = phys_new(ram);
    if (!o->phys)
        return fail(err, size, "the host refuses %llu MiB of memory for the guest",
                    (unsigned long long)(ram >> 20));
    o->cpu = cpu_new(o->phys, &pins);
    if (!o->cpu)
        return fail(err, size, "the host refuses memory for the CPU's tables");
    cpu_set_model(o->cpu, model);
    o->cpu->decoder = decoder_new();
    if (!o->cpu->decoder)
        return fail(err, size, "Capstone does not start");
    return true;
}

/* Orrery's firmware is code for an 80386. */
static bool build_rom_persona(struct orrery *o, const struct orrery_config *c, char *err,
                              size_t size)
{
    struct decoder *decoder;

    if (c->bios || o->model.isa >= ISA_386)
        return true;
    decoder = decoder_new();
    if (!decoder)
        return fail(err, size, "Capstone does not start");
    cpu_set_rom_model(o->cpu, cpu_model_find("386"), decoder);
    return true;
}

static bool build_jit(struct orrery *o, const struct orrery_config *c, char *err, size_t size)
{
    struct jit_config jc = {.log = c->log, .log_mask = c->log_mask, .perf_map = c->perf_map};
    const char *why = "";
    jc.cache_bytes = c->cache_bytes ? c->cache_bytes : DEFAULT_CACHE;
    if (jc.cache_bytes < MIN_CACHE)
        return fail(err, size, "the code cache needs at least 1 MiB");
    jc.backend = backend_find(c->accel);
    if (!jc.backend)
        return fail(err, size, "accelerator '%s' is not available on this host", c->accel);
    if (c->perf_map && !jc.backend->native)
        return fail(err, size, "a perf map needs translated code, which '%s' does not make",
                    jc.backend->name);
    o->accel = jc.backend->name;
    o->jit = jit_new(o->cpu, &jc, &why);
    if (!o->jit)
        return fail(err, size, "accelerator '%s' does not start: %s", jc.backend->name, why);
    return true;
}

static void build_chardevs(struct orrery *o, const struct orrery_config *c)
{
    for (unsigned i = 0; i < ORRERY_SERIAL_PORTS; i++) {
        static const char *const names[] = {"serial0", "serial1", "serial2", "serial3"};
        if (!c->serial_present[i])
            continue;
        outlet_chardev(o, &o->serial[i], &o->serial_out[i], &c->serial[i]);
        bus_add_object(o->bus, CHARDEV_KIND, names[i], &o->serial[i]);
    }
    if (c->parallel_present) {
        outlet_chardev(o, &o->parallel, &o->parallel_out, &c->parallel);
        bus_add_object(o->bus, CHARDEV_KIND, "parallel0", &o->parallel);
    }
    if (c->debugcon_present) {
        outlet_chardev(o, &o->debugcon, &o->debugcon_out, &c->debugcon);
        bus_add_object(o->bus, CHARDEV_KIND, "debugcon", &o->debugcon);
    }
}

/* A -device option: "type,property=value,...". */
static bool add_device(struct orrery *o, const char *option, char *err, size_t size)
{
    char name[32];
    size_t len = strcspn(option, ",");
    const struct dev_type *type = NULL;
    if (len < sizeof(name)) {
        memcpy(name, option, len);
        name[len] = 0;
        type = dev_type_find(name);
    }
    if (!type)
        return fail(err, size, "-device: unknown device '%.*s'", (int)len, option);
    if (type->on_board)
        return fail(err, size, "-device: '%s' is part of the board already", type->name);
    return dev_create(o->bus, type, option[len] ? option + len + 1 : NULL, err, size) != NULL;
}

static struct board_drive board_drive(const struct orrery_drive *d)
{
    return (struct board_drive){.file = d->file,
                                .cdrom = d->cdrom,
                                .floppy = d->floppy,
                                .mode = machine_drive_mode(d),
                                .name = d->name};
}

static bool build_devices(struct orrery *o, const struct orrery_config *c, char *err, size_t size)
{
    struct board_pc board = {
        .ram_bytes = phys_ram_size(o->phys),
        .parallel = c->parallel_present,
        .debugcon = c->debugcon_present,
        .speaker = c->speaker,
        .vga = !c->no_vga,
        .apic = cpu_has(o->cpu, FEAT_APIC),
        .tsc_deadline = cpu_has(o->cpu, FEAT_TSCDEADLINE),
        .boot_menu = c->boot.menu,
        .boot_menu_ms = c->boot.menu_ms,
    };
    for (unsigned i = 0; i < 4; i++) {
        board.ide[i] = board_drive(&c->ide[i]);
        board.serial[i] = c->serial_present[i];
    }
    for (unsigned i = 0; i < ARRAY_LEN(c->floppy); i++)
        board.floppy[i] = board_drive(&c->floppy[i]);
    if (!board_pc_build(o->bus, &board, err, size))
        return false;
    if (o->kernel)
        linux_add_items(o->kernel, bus_find_dev(o->bus, FW_CFG_ID));
    if (o->multiboot)
        multiboot_add_items(o->multiboot, bus_find_dev(o->bus, FW_CFG_ID));
    firmware_map(o->firmware, o->phys);
    for (unsigned i = 0; c->devices && c->devices[i]; i++)
        if (!add_device(o, c->devices[i], err, size))
            return false;
    board_pc_finish(o->bus, &board);
    return true;
}

static bool start_journal(struct orrery *o, const struct orrery_config *c, char *err, size_t size)
{
    struct journal_hooks hooks = {.state_hash = journal_state_hash, .opaque = o};
    journal_set_hooks(o->journal, &hooks);
    if (!describe(o, c))
        return fail(err, size, "out of memory");
    if (!c->record && !c->replay)
        return true;
    char *text = describe_run(o, err, size);
    u64 check = c->record_check ? c->record_check : CHECK_TICKS;
    bool ok = text && (c->record ? journal_record(o->journal, c->record, text, check, err, size)
                                 : journal_replay(o->journal, c->replay, text, err, size));
    free(text);
    return ok;
}

/* Power-up state of everything. */
static void machine_reset(struct orrery *o)
{
    if (o->log_resets)
        report_reset(o, o->log_resets);
    cpu_reset(o->cpu);
    bus_reset(o->bus);
    jit_flush(o->jit);
    if (o->boot_wanted) {
        board_pc_set_boot_order(o->bus, o->boot_wanted, o->boot_any_floppy);
        o->boot_wanted = o->boot_wanted == o->boot_once ? o->boot_order : NULL;
    }
    cpu_update_mode(o->cpu);
    mmu_flush(&o->cpu->mmu);
}

/* The firmware that the CPU starts in, and a kernel of either protocol for it to start. */
static bool load_start(struct orrery *o, const struct orrery_config *c, u64 ram, char *err,
                       size_t size)
{
    o->firmware = firmware_load(c->bios, err, size);
    if (!o->firmware || !c->kernel)
        return o->firmware;
    if (multiboot_is(c->kernel)) {
        o->multiboot = multiboot_load(c->kernel, c->initrd, c->append, ram, err, size);
        return o->multiboot;
    }
    o->kernel = linux_load(c->kernel, c->initrd, c->append, ram, err, size);
    return o->kernel;
}

/* With an order for once, the usual one is set at the first reset after power-on. */
static void set_boot_order(struct orrery *o, const struct orrery_config *c)
{
    snprintf(o->boot_order, sizeof(o->boot_order), "%s", c->boot.order[0] ? c->boot.order : "cad");
    snprintf(o->boot_once, sizeof(o->boot_once), "%s", c->boot.once);
    o->boot_any_floppy = c->boot.any_floppy;
    o->boot_wanted = o->boot_once[0] ? o->boot_once : o->boot_order;
}

/* Names for inspection. A kernel that is ELF brings its own; that it is stripped is no reason to
 * refuse it. */
static bool load_symbols(struct orrery *o, const struct orrery_config *c, char *err, size_t size)
{
    const struct orrery_symbols *s = c->symbols;
    char ignored[256];

    o->symbols = symbols_new();
    if (!o->symbols)
        return fail(err, size, "out of memory");
    for (; s && s->path; s++)
        if (!symbols_load(o->symbols, s->path, s->offset, err, size))
            return false;
    if (symbols_empty(o->symbols) && c->kernel && symbols_is_elf(c->kernel))
        symbols_load(o->symbols, c->kernel, 0, ignored, sizeof(ignored));
    return true;
}

static bool build(struct orrery *o, const struct orrery_config *c, char *err, size_t size)
{
    u64 ram = c->ram_bytes ? c->ram_bytes : DEFAULT_RAM;
    if (ram < MIN_RAM || ram > MAX_RAM || ram % PAGE_SIZE)
        return fail(err, size, "guest memory must be 1 MiB to 3584 MiB");
    if (c->record && c->replay)
        return fail(err, size, "recording and replaying exclude each other");
    const struct cpu_model *model = &o->model;
    if (!cpu_model_parse(&o->model, c->cpu ? c->cpu : cpu_model_default()->name, err, size))
        return false;
    if (c->kernel && model->isa < ISA_386)
        return fail(err, size, "-kernel needs an 80386 or later, not '-cpu %s'", c->cpu);
    o->no_reboot = c->no_reboot;
    set_boot_order(o, c);
    o->log_resets = c->log_mask & ORRERY_LOG_RESET ? c->log : NULL;
    if (!load_start(o, c, ram, err, size) || !build_cpu(o, ram, model, err, size) ||
        !build_jit(o, c, err, size) || !build_rom_persona(o, c, err, size))
        return false;
    clock_init(&o->clock);
    o->pace = ORRERY_PACE;
    clock_set_scale(&o->clock, MACHINE_NS_PER_MS, model->kips);
    struct clock_hooks ch = {clock_ticks_now, on_deadline, o};
    clock_set_hooks(&o->clock, &ch);
    o->journal = journal_create(&o->clock);
    o->bus = bus_create(&o->clock, o->journal, o->phys);
    bus_wires(o);
    build_chardevs(o, c);
    if (!chardevs_build(o, c, err, size) || !disks_build(o, c, err, size) ||
        !nets_build(o, c, err, size) || !sound_build(o, c, err, size) ||
        !build_devices(o, c, err, size))
        return false;
    machine_add_control(o);
    machine_note_drives(o, c);
    machine_reset(o);
    if (!load_symbols(o, c, err, size))
        return false;
    o->profile = profile_new(o, c, err, size);
    if (!o->profile && err[0])
        return false;
    return start_journal(o, c, err, size) &&
           (!c->trace || orrery_trace_start(o, c->trace, err, size));
}

const char *orrery_cpu_feature(unsigned n)
{
    return cpu_feature_name(n);
}

const char *orrery_cpu_model(unsigned n)
{
    const struct cpu_model *model = cpu_model_at(n);
    return model ? model->name : NULL;
}

const char *orrery_device_type(unsigned n)
{
    for (const struct dev_type *const *type = dev_types; *type; type++)
        if (!(*type)->on_board && !n--)
            return (*type)->name;
    return NULL;
}

struct orrery *orrery_create(const struct orrery_config *config, char *err, size_t err_size)
{
    struct orrery *o = calloc(1, sizeof(*o));
    if (!o) {
        fail(err, err_size, "out of memory");
        return NULL;
    }
    if (!build(o, config, err, err_size)) {
        orrery_free(o);
        return NULL;
    }
    return o;
}

void orrery_free(struct orrery *o)
{
    if (!o)
        return;
    profile_free(o->profile);
    trace_free(o->trace);
    history_free(o);
    symbols_free(o->symbols);
    maps_free(o);
    if (o->jit)
        jit_free(o->jit);
    if (o->bus)
        bus_destroy(o->bus);
    sound_free(o);
    if (o->journal)
        journal_destroy(o->journal);
    if (o->cpu) {
        decoder_free(o->cpu->rom.decoder);
        decoder_free(o->cpu->rom.decoder ? o->cpu->guest.decoder : o->cpu->decoder);
        free(o->cpu->stops);
        cpu_free(o->cpu);
    }
    if (o->phys)
        phys_free(o->phys);
    linux_image_free(o->kernel);
    multiboot_free(o->multiboot);
    firmware_free(o->firmware);
    chardevs_free(o);
    disks_free(o);
    nets_free(o);
    free(o->config_text);
    machine_forget_drives(o);
    free(o);
}

/* -- running -- */

/* A reset takes a tick, or input of that tick would not know whether it came before or after. */
static enum orrery_stop reset_now(struct orrery *o)
{
    if (o->no_reboot)
        return ORRERY_RESET;
    o->reset_wanted = o->init_wanted = o->poweroff_wanted = o->reset_from_outside = false;
    machine_reset(o);
    if (o->trace)
        trace_reset(o->trace);
    o->resets++;
    o->cpu->icount_end++;
    o->idle_ticks++;
    return ORRERY_RUNNING;
}

/* The CPU says so on the bus, and the board answers with a reset (82371AB, 11.2: shutdown cycles).
 */
static enum orrery_stop shut_down(struct orrery *o)
{
    if (o->no_reboot || o->keep_triple)
        return ORRERY_TRIPLE;
    if (o->log_resets)
        orrery_report_shutdown(o, o->log_resets);
    return reset_now(o);
}

static enum orrery_stop handle_events(struct orrery *o)
{
    o->cpu->events &= ~(u32)EV_STOP;
    if (o->reset_from_outside)
        return reset_now(o); /* whatever state the machine is in */
    if (o->cpu->events & EV_TRIPLE)
        return shut_down(o);
    if (o->exit_wanted)
        return ORRERY_EXIT;
    if (breaks_met(o))
        return ORRERY_BREAK;
    if (o->poweroff_wanted)
        return ORRERY_POWEROFF;
    if (o->reset_wanted)
        return reset_now(o);
    if (o->init_wanted) {
        o->init_wanted = false;
        cpu_init(o->cpu);
        bus_apic_init(o->bus);
    }
    return ORRERY_RUNNING;
}

static u64 next_tick(struct orrery *o)
{
    u64 timer = clock_next_ticks(&o->clock), input = journal_next(o->journal);
    return timer < input ? timer : input;
}

/* Halted, with nothing that could ever end it. */
static bool stuck(const struct cpu *cpu)
{
    return (cpu->events & EV_HALT) && !cpu_may_wake(cpu);
}

/* The journal has ended: what ended the recorded run, if it was the guest. */
static enum orrery_stop end_of_replay(struct orrery *o)
{
    if (o->cpu->events & EV_TRIPLE)
        return ORRERY_TRIPLE;
    if (o->exit_wanted)
        return ORRERY_EXIT;
    if (o->poweroff_wanted)
        return ORRERY_POWEROFF;
    if (o->reset_wanted)
        return ORRERY_RESET;
    return stuck(o->cpu) ? ORRERY_STUCK : ORRERY_REPLAY_END;
}

/* Fires what is due now. */
static enum orrery_stop deliver(struct orrery *o)
{
    sound_run(o);
    clock_run(&o->clock, clock_now(&o->clock));
    journal_run(o->journal);
    const char *why = journal_error(o->journal);
    if (why) {
        snprintf(o->error, sizeof(o->error), "%s", why);
        return ORRERY_DIVERGED;
    }
    if (o->history && cpu_icount(o->cpu) >= history_due(o))
        history_run(o);
    return journal_ended(o->journal) ? end_of_replay(o) : ORRERY_RUNNING;
}

/* What a CHECK that fails while the machine runs tells of it. */
static void report_history(void *opaque)
{
    struct orrery *o = opaque;
    const struct cpu *cpu = o->cpu;
    fprintf(stderr, "  guest at %04x:" LADDR_FMT ", tick %llu; the last faults:\n",
            cpu->seg[SEG_CS].sel, LADDR_ARG(cpu_eip(cpu)), (unsigned long long)cpu_icount(cpu));
    for (u32 i = 0; i < ARRAY_LEN(cpu->history); i++) {
        const struct fault_record *f =
            &cpu->history[(cpu->history_next + i) % ARRAY_LEN(cpu->history)];
        if (f->icount)
            fprintf(stderr,
                    "  vector 0x%02x at %04x:" LADDR_FMT " error %x cr2 " LADDR_FMT " tick %llu\n",
                    (unsigned)f->vector, f->cs, LADDR_ARG(f->eip), f->error, LADDR_ARG(f->cr2),
                    (unsigned long long)f->icount);
    }
}

/* Up to which tick the CPU may run by itself. */
static u64 run_limit(struct orrery *o, u64 end)
{
    u64 until = next_tick(o);
    if (o->profile && !o->muted && profile_due(o->profile) < until)
        until = profile_due(o->profile);
    if (o->trace && trace_due(o->trace) < until)
        until = trace_due(o->trace);
    if (sound_tick(o) < until)
        until = sound_tick(o);
    if (history_due(o) < until)
        until = history_due(o);
    return until < end ? until : end;
}

/* A reset ends it early: a guest that does nothing else shall not keep the caller waiting. */
static enum orrery_stop run_until(struct orrery *o, u64 end)
{
    u64 resets = o->resets;

    for (;;) {
        if (o->trace)
            trace_update(o->trace);
        enum orrery_stop stop = deliver(o);
        if (stop != ORRERY_RUNNING)
            return stop;
        if (o->cpu->events & (EV_STOP | EV_TRIPLE)) {
            stop = handle_events(o);
            if (stop != ORRERY_RUNNING)
                return stop;
            stop = deliver(o); /* a reset takes time */
            if (stop != ORRERY_RUNNING)
                return stop;
        }
        if (cpu_icount(o->cpu) >= end || o->resets != resets)
            return ORRERY_RUNNING;
        if ((o->cpu->events & EV_HALT) && !cpu_wakes(o->cpu))
            return stuck(o->cpu) ? ORRERY_STUCK : ORRERY_IDLE;
        jit_run(o->jit, run_limit(o, end));
        if (o->profile && !o->muted)
            profile_sample(o->profile);
    }
}

enum orrery_stop machine_run_until(struct orrery *o, u64 end)
{
    enum orrery_stop stop;

    do
        stop = run_until(o, end);
    while (stop == ORRERY_RUNNING && cpu_icount(o->cpu) < end);
    return stop;
}

enum orrery_stop orrery_run(struct orrery *o, uint64_t max_insns)
{
    check_set_report(report_history, o);
    breaks_pass(o);
    if (o->profile)
        profile_enter(o->profile);
    enum orrery_stop stop = run_until(o, cpu_icount(o->cpu) + max_insns);
    if (o->profile)
        profile_leave(o->profile);
    check_set_report(NULL, NULL);
    return stop;
}

/* Ticks until something is due; CLOCK_NEVER. */
static u64 idle_ticks(struct orrery *o)
{
    u64 next = next_tick(o), now = cpu_icount(o->cpu);
    if (next == CLOCK_NEVER)
        return CLOCK_NEVER;
    return next > now ? next - now : 0;
}

uint64_t orrery_idle_ns(const struct orrery *o)
{
    u64 ticks = idle_ticks((struct orrery *)o), now = cpu_icount(o->cpu);
    if (ticks == CLOCK_NEVER)
        return UINT64_MAX;
    return clock_ns_at(&o->clock, now + ticks) - clock_ns_at(&o->clock, now);
}

void machine_idle(struct orrery *o, u64 ticks)
{
    u64 left = idle_ticks(o), retired = orrery_retired(o);
    if (left == CLOCK_NEVER)
        return;
    if ((o->cpu->events & (EV_STOP | EV_TRIPLE)) || cpu_wakes(o->cpu))
        return; /* what has come in since ends the idling at this tick */
    if (retired != o->idle_after || !o->idle_since) {
        o->idle_after = retired;
        o->idle_since = cpu_icount(o->cpu);
    }
    if (ticks > left)
        ticks = left;
    o->cpu->icount_end += ticks; /* budget unchanged: the count moves on */
    o->idle_ticks += ticks;
}

void orrery_idle_skip(struct orrery *o, uint64_t ns)
{
    u64 now = cpu_icount(o->cpu);
    /* Rounded up, or a slow CPU would never get on by small steps. */
    machine_idle(o, ns >= orrery_idle_ns(o)
                        ? CLOCK_NEVER
                        : clock_ticks_at(&o->clock, clock_ns_at(&o->clock, now) + ns) - now);
}

/* -- input, output, inspection -- */

void orrery_serial_input(struct orrery *o, unsigned port, const void *data, size_t len)
{
    if (port < ORRERY_SERIAL_PORTS && o->serial[port].journal)
        chardev_input(&o->serial[port], data, len);
}

size_t orrery_serial_room(const struct orrery *o, unsigned port)
{
    if (port >= ORRERY_SERIAL_PORTS || !o->serial[port].ring)
        return 0;
    return chardev_room(&o->serial[port]);
}

int orrery_exit_code(const struct orrery *o)
{
    return o->exit_code;
}

const char *orrery_error(const struct orrery *o)
{
    return o->error;
}

bool orrery_finish(struct orrery *o)
{
    sound_finish(o);
    if (o->profile && !profile_finish(o->profile, o->error, sizeof(o->error)))
        return false;
    if (o->trace && !orrery_trace_stop(o, o->error, sizeof(o->error)))
        return false;
    if (journal_mode(o->journal) != JOURNAL_RECORD)
        return true;
    if (journal_finish(o->journal))
        return true;
    snprintf(o->error, sizeof(o->error), "%s", journal_error(o->journal));
    return false;
}

uint64_t orrery_time_ns(const struct orrery *o)
{
    return clock_now((struct clock *)&o->clock);
}

uint64_t orrery_retired(const struct orrery *o)
{
    return cpu_icount(o->cpu) - o->idle_ticks;
}
