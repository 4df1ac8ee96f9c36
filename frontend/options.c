/* The option table and its handlers. An option is one row; what is unknown or malformed is one
 * clear line and a failure: nothing is ignored in silence. */
#include "frontend/options.h"

#include <stdarg.h>
#include <string.h>

#include "frontend/boot.h"
#include "frontend/habits.h"
#include "frontend/handlers.h"

bool complain(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("orrery: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    return false;
}

bool warn_user(const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fputs("orrery: warning: ", stderr);
    vfprintf(stderr, fmt, ap);
    fputc('\n', stderr);
    va_end(ap);
    return true;
}

static bool opt_help(struct options *o, const char *name, const char *arg);

static bool opt_version(struct options *o, const char *name, const char *arg)
{
    (void)name;
    (void)arg;
    puts("Orrery 0.1, a full-system x86 emulator");
    return o->done = true;
}

struct option_row {
    const char *name, *arg_name; /* arg_name NULL: takes no argument */
    option_handler *fn;          /* or one of the two below */
    size_t string_at; /* offset in struct options of a const char *, when fn is NULL and arg_name is
                         set */
    size_t flag_at;   /* offset of a bool */
    const char *help;
};

#define CONFIG(f) offsetof(struct options, config.f)
#define OPTION(f) offsetof(struct options, f)

static const struct option_row rows[] = {
    {"m", "SIZE", opt_memory, 0, 0, "guest memory in MiB, or with suffix K, M, G (default 128)"},
    {"cpu", "MODEL,...", opt_cpu, 0, 0, "CPU model, +FEATURE, -FEATURE; help lists them"},
    {"machine", "TYPE,...", opt_machine, 0, 0,
     "pc; accel=NAME, pcspk-audiodev=ID: its speaker is heard there"},
    {"M", "TYPE,...", opt_machine, 0, 0, "the same"},
    {"smp", "N,...", opt_smp, 0, 0, "there is one CPU; more are warned of"},
    {"rtc", "base=DATE,...", opt_rtc, 0, 0,
     "date at power-on: utc or localtime of the host, or 2026-01-01T12:00:00 (default)"},
    {"localtime", NULL, opt_localtime, 0, 0, "-rtc base=localtime"},
    {"startdate", "DATE", opt_startdate, 0, 0, "-rtc base=DATE"},
    {"bios", "FILE", NULL, CONFIG(bios), 0,
     "start in this ROM image instead of Orrery's own firmware"},
    {"boot", "ORDER,...", boot_option, 0, 0,
     "letters a, c, d, n: floppy, disk, CD-ROM, network; order=, once=, menu=on|off, splash-time="},
    {"no-fd-bootchk", NULL, NULL, 0, CONFIG(boot.any_floppy),
     "boot diskettes without a boot signature"},
    {"kernel", "FILE", NULL, CONFIG(kernel), 0, "boot this Linux bzImage or Multiboot kernel"},
    {"initrd", "FILE", NULL, CONFIG(initrd), 0, "initial RAM disk for -kernel, or modules"},
    {"append", "TEXT", NULL, CONFIG(append), 0, "kernel command line for -kernel"},
    {"hda", "FILE", drives_hd, 0, 0, "raw disk image, primary master"},
    {"hdb", "FILE", drives_hd, 0, 0, "primary slave"},
    {"hdc", "FILE", drives_hd, 0, 0, "secondary master"},
    {"hdd", "FILE", drives_hd, 0, 0, "secondary slave"},
    {"cdrom", "FILE", drives_cdrom, 0, 0, "CD-ROM image (ISO), secondary master"},
    {"fda", "FILE", drives_fd, 0, 0, "raw image of a floppy disk, 160 to 2880 KiB, drive A"},
    {"fdb", "FILE", drives_fd, 0, 0, "drive B"},
    {"drive", "PROP=VALUE,...", drives_drive, 0, 0,
     "file, if=ide|floppy|virtio|none, index, bus, unit, media=disk|cdrom, format=raw, "
     "readonly, id ..."},
    {"global", "TYPE.PROP=VALUE", opt_global, 0, 0,
     "isa-fdc.driveA and driveB; others are warned of"},
    {"snapshot", NULL, NULL, 0, OPTION(snapshot),
     "keep disk writes in memory, drop them at the end"},
    {"nographic", NULL, NULL, 0, OPTION(nographic),
     "first serial port on the terminal (Ctrl-A H for help)"},
    {"no-reboot", NULL, NULL, 0, CONFIG(no_reboot), "end instead of rebooting"},
    {"no-shutdown", NULL, NULL, 0, OPTION(no_shutdown), "stay when the guest switches off"},
    {"S", NULL, NULL, 0, OPTION(stopped), "do not start the guest: GDB or a monitor does"},
    {"gdb", "DEV", opt_gdb, 0, 0,
     "wait for GDB on a device: tcp::PORT, unix:PATH, stdio, none ..."},
    {"s", NULL, opt_gdb, 0, 0, "-gdb tcp::1234"},
    {"stop-on", "EVENT", opt_stop_on, 0, 0,
     "stop at magic, mode, vector=N, port=A-B,r, mmio=A-B,w, cr3, triple"},
    {"name", "NAME", NULL, OPTION(name), 0, "the machine's name"},
    {"serial", "DEV", opt_serial, 0, 0,
     "next serial port: stdio, mon:stdio, pty, file:, tcp:, telnet:, unix:, null, none ..."},
    {"parallel", "DEV", NULL, OPTION(parallel), 0, "printer port: a device as for -serial"},
    {"debugcon", "DEV", NULL, OPTION(debugcon), 0, "debug port 0xE9: a device as for -serial"},
    {"chardev", "KIND,id=ID,...", opt_chardev, 0, 0, "a character device for chardev:ID"},
    {"monitor", "DEV", opt_monitor, 0, 0, "text monitor on a device as for -serial, or none"},
    {"qmp", "DEV", opt_monitor, 0, 0, "machine protocol (QMP) on a device"},
    {"qmp-pretty", "DEV", opt_monitor, 0, 0, "the same, for reading"},
    {"mon", "ID,...", opt_monitor, 0, 0, "monitor on a -chardev: mode=readline|control"},
    {"device", "TYPE,...", opt_device, 0, 0, "add a device, e.g. isa-debug-exit,iobase=0xf4"},
    {"accel", "NAME", opt_accel, 0, 0, "jit or interp; jit,cache-size=MiB bounds the code cache"},
    {"record", "FILE,check=N", opt_record, 0, 0,
     "write all outside input to a journal, and a state hash every N ticks (250M)"},
    {"replay", "FILE", NULL, CONFIG(replay), 0, "repeat the run of a journal exactly"},
    {"loadvm", "FILE", NULL, OPTION(loadvm), 0, "go on from what savevm has written"},
    {"history", "MiB|on|off", opt_history, 0, 0,
     "let monitors and debuggers go back in time, with so much memory (512)"},
    {"icount", "rr=record|replay,rrfile=FILE", opt_icount, 0, 0, "-record or -replay"},
    {"statehash", NULL, NULL, 0, OPTION(statehash), "print a hash of the whole machine at the end"},
    {"stats", NULL, NULL, 0, OPTION(stats), "print statistics at the end"},
    {"profile", "FILE", NULL, OPTION(profile_path), 0,
     "write where guest time goes, FILE.host, FILE.report"},
    {"profile-every", "N", opt_every, 0, 0, "guest instructions between samples (default 100003)"},
    {"symbols", "FILE", opt_symbols, 0, 0,
     "names of guest functions for the monitor: ELF or System.map; ,offset=N"},
    {"profile-symbols", "FILE", opt_symbols, 0, 0,
     "names of guest functions: ELF or System.map; ,offset=N"},
    {"trace", "FILE,...", NULL, CONFIG(trace), 0,
     "write a trace for orrery-trace: what=insn+mem+int+io+dma+screen,from=TICK,to=TICK, ..."},
    {"perf-map", NULL, NULL, 0, OPTION(perf_map), "list translated blocks for Linux's perf"},
    {"d", "ITEMS", opt_log, 0, 0, "log in_asm, op, out_asm, int, cpu_reset; help lists them"},
    {"D", "FILE", NULL, OPTION(log_path), 0,
     "write the log of -d here instead of to standard error"},
    {"display", "NAME,...", display_opt_display, 0, 0, "show the screen: " DISPLAY_SCREENS},
    {"sdl", NULL, display_opt_short, 0, 0, "-display sdl: a window"},
    {"curses", NULL, display_opt_short, 0, 0, "-display curses: text modes in the terminal"},
    {"vnc", "ADDRESS,...", display_opt_short, 0, 0,
     "-display vnc=...: a VNC server at :N, HOST:N, unix:PATH"},
    {"full-screen", NULL, display_opt_full_screen, 0, 0, "the window fills the screen"},
    {"k", "LAYOUT", display_opt_layout, 0, 0, "keyboard layout: en-us"},
    {"speed", "N%", display_opt_speed, 0, 0,
     "of the guest: N% of real time, realtime (with a display the default), max"},
    {"nodefaults", NULL, NULL, 0, OPTION(nodefaults),
     "no VGA, ports, drives or network card but those asked for"},
    {"pidfile", "FILE", NULL, OPTION(pidfile), 0, "write the process number there"},
    {"daemonize", NULL, NULL, 0, OPTION(daemonize), "run in the background"},
    {"vga", "TYPE", opt_vga, 0, 0, "std (default) or none"},
    {"screendump", "FILE", opt_screendump, 0, 0,
     "picture of the screen at the end: PNG if FILE ends so, else PPM"},
    {"nic", "KIND,...", nets_nic, 0, 0,
     "network and card: user,model=,mac=,hostfwd=tcp::PORT-:PORT ..., or none"},
    {"netdev", "KIND,id=,...", nets_netdev, 0, 0, "network for a -device with netdev=ID"},
    {"net", "KIND,...", nets_net, 0, 0, "older form: nic,model= and user,hostfwd=, or none"},
    {"object", "TYPE,...", nets_object, 0, 0,
     "filter-dump,netdev=ID,file=FILE: copy of all frames, as pcap"},
    {"audiodev", "DRIVER,id=ID", audio_audiodev, 0, 0,
     "where sound goes: none; wav,path=FILE; sdl; out.frequency=N"},
    {"soundhw", "CARDS", audio_soundhw, 0, 0, "sb16, adlib, pcspk or all"},
    {"version", NULL, opt_version, 0, 0, "print the version"},
    {"help", NULL, opt_help, 0, 0, "print this help"},
    {"h", NULL, opt_help, 0, 0, "print this help"},
};

static bool opt_help(struct options *o, const char *name, const char *arg)
{
    (void)name;
    (void)arg;
    puts("usage: orrery [options] [disk image]\n"
         "without an image, -kernel or -bios: the demonstration that is built in");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char left[40];
        snprintf(left, sizeof(left), "-%s %s", rows[i].name,
                 rows[i].arg_name ? rows[i].arg_name : "");
        printf("  %-20s %s\n", left, rows[i].help);
    }
    habits_print(stdout);
    return o->done = true;
}

static const struct option_row *find_row(const char *name)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (!strcmp(rows[i].name, name))
            return &rows[i];
    return NULL;
}

static bool apply(struct options *o, const struct option_row *row, const char *arg)
{
    if (row->fn)
        return row->fn(o, row->name, arg);
    if (row->arg_name)
        *(const char **)((char *)o + row->string_at) = arg;
    else
        *(bool *)((char *)o + row->flag_at) = true;
    return true;
}

static bool check(struct options *o)
{
    const struct orrery_config *c = &o->config;
    if (!c->kernel && (c->initrd || c->append))
        return complain("-initrd and -append need -kernel");
    if (!o->profile_path && (o->profile_names || c->profile_every))
        return complain("-profile-symbols and -profile-every need -profile");
    if (o->screendump && c->no_vga)
        return complain("-screendump needs a VGA, not -vga none");
    if (c->record && c->replay)
        return complain("-record and -replay exclude each other");
    return true;
}

/* Without a hyphen: an image for -hda. "-" and "--" alone are none. */
static bool positional(struct options *o, const char *arg)
{
    return *arg ? drives_hd(o, "hda", arg) : complain("unexpected argument ''");
}

/* The option at argv[*at], with its argument. */
static bool parse_option(struct options *o, char **argv, int *at)
{
    const char *option = argv[*at], *name = option + 1 + (option[1] == '-'), *arg = NULL;
    const struct option_row *row = find_row(name);
    const struct habit *habit = row ? NULL : habit_find(name);

    if (!row && !habit)
        return complain("unknown option '%s' (see -help)", option);
    if (row ? row->arg_name != NULL : habit_has_arg(habit)) {
        arg = argv[++*at];
        if (!arg)
            return complain("option '%s' needs an argument", option);
    }
    return row ? apply(o, row, arg) : habit_apply(habit);
}

/* A PC has a printer port, but what is not asked for is not there under -nodefaults. */
static bool apply_nodefaults(struct options *o)
{
    if (!o->nodefaults && !o->parallel)
        o->parallel = "null";
    if (o->nodefaults && !o->said_vga)
        o->config.no_vga = true;
    if (o->nodefaults && !o->nserial && !o->nographic)
        o->serial[o->nserial++] = "none";
    return true;
}

/* After the last option, in this order. */
static bool (*const finish[])(struct options *o) = {
    apply_nodefaults, check, audio_configure, drives_finish, nets_finish, display_finish,
};

bool options_parse(struct options *o, int argc, char **argv)
{
    memset(o, 0, sizeof(*o));
    for (int i = 1; i < argc && !o->done; i++)
        if (!(argv[i][0] == '-' ? parse_option(o, argv, &i) : positional(o, argv[i])))
            return false;
    o->config.devices = o->devices;
    o->config.profile_symbols = o->config.symbols = o->symbols;
    for (size_t i = 0; !o->done && i < sizeof(finish) / sizeof(finish[0]); i++)
        if (!finish[i](o))
            return false;
    return true;
}
