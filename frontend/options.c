/* The option table and its handlers. An option is one row; what is unknown or malformed is one
 * clear line and a failure: nothing is ignored in silence. */
#include "frontend/options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

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

/* A number with an optional suffix K, M, G, T; bare numbers are in units of `unit`. Whole argument.
 */
static bool parse_size(const char *s, uint64_t unit, uint64_t *out)
{
    static const char suffixes[] = "KMGT";
    char *end;
    errno = 0;
    unsigned long long v = strtoull(s, &end, 0);
    if (end == s || errno || *s == '-')
        return false;
    if (*end) {
        const char *at = memchr("kmgt", *end, 4);
        const char *up = memchr(suffixes, *end, 4);
        if ((!at && !up) || (end[1] && strcasecmp(end + 1, "b") && strcasecmp(end + 1, "ib")))
            return false;
        unsigned shift =
            10 * (unsigned)((up ? up - suffixes : (long)strcspn("kmgt", (char[]){*end, 0})) + 1);
        unit = 1ull << shift;
    }
    if (v > UINT64_MAX / unit)
        return false;
    *out = v * unit;
    return true;
}

static bool parse_count(const char *s, uint64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoull(s, &end, 0);
    return *s >= '0' && *s <= '9' && !*end && !errno;
}

typedef bool (*handler)(struct options *o, const char *name, const char *arg);

static bool opt_memory(struct options *o, const char *name, const char *arg)
{
    (void)name;
    if (!strncmp(arg, "size=", 5))
        arg += 5;
    if (!parse_size(arg, 1ull << 20, &o->config.ram_bytes) || !o->config.ram_bytes)
        return complain("-m: '%s' is not a memory size", arg);
    return true;
}

static bool opt_accel(struct options *o, const char *name, const char *arg)
{
    static const char *const names[] = {"jit", "interp"};
    size_t len = strcspn(arg, ",");
    (void)name;
    o->config.accel = NULL;
    for (size_t i = 0; i < 2; i++)
        if (strlen(names[i]) == len && !strncmp(arg, names[i], len))
            o->config.accel = names[i];
    if (!o->config.accel)
        return complain("-accel: unknown accelerator '%.*s' (jit, interp)", (int)len, arg);
    arg += len;
    if (!*arg)
        return true;
    if (strncmp(arg, ",cache-size=", 12) ||
        !parse_size(arg + 12, 1ull << 20, &o->config.cache_bytes))
        return complain("-accel: unknown or malformed property '%s' (cache-size=MiB)", arg + 1);
    if (o->config.cache_bytes < (1ull << 20) || o->config.cache_bytes > (1024ull << 20))
        return complain("-accel: cache-size must be 1 to 1024 MiB");
    return true;
}

static bool opt_cpu(struct options *o, const char *name, const char *arg)
{
    (void)name;
    o->config.cpu = arg;
    if (strcmp(arg, "help"))
        return true;
    for (unsigned i = 0; orrery_cpu_model(i); i++)
        puts(orrery_cpu_model(i));
    return o->done = true;
}

static bool opt_log(struct options *o, const char *name, const char *arg)
{
    static const struct {
        const char *name;
        uint32_t bit;
    } items[] = {{"in_asm", ORRERY_LOG_IN_ASM},
                 {"ir", ORRERY_LOG_IR},
                 {"op", ORRERY_LOG_IR},
                 {"out_asm", ORRERY_LOG_OUT_ASM},
                 {"int", ORRERY_LOG_INT}};
    (void)name;
    while (*arg) {
        size_t len = strcspn(arg, ","), i = 0;
        while (i < 5 && (strlen(items[i].name) != len || strncmp(arg, items[i].name, len)))
            i++;
        if (i == 5)
            return complain("-d: unknown item '%.*s' (in_asm, ir, out_asm, int)", (int)len, arg);
        o->config.log_mask |= items[i].bit;
        arg += len + (arg[len] == ',');
    }
    return true;
}

static bool opt_serial(struct options *o, const char *name, const char *arg)
{
    (void)name;
    if (o->nserial == ORRERY_SERIAL_PORTS)
        return complain("-serial: at most %d serial ports", ORRERY_SERIAL_PORTS);
    o->serial[o->nserial++] = arg;
    return true;
}

static bool opt_device(struct options *o, const char *name, const char *arg)
{
    (void)name;
    if (drives_is_device(arg))
        return drives_device(o, arg);
    if (o->ndevices == MAX_DEVICES)
        return complain("-device: at most %d devices", MAX_DEVICES);
    o->devices[o->ndevices++] = arg;
    return true;
}

/* FILE or FILE,offset=N */
static bool opt_symbols(struct options *o, const char *name, const char *arg)
{
    char *at = strstr(arg, ",offset="), *end;
    (void)name;
    if (o->nsymbols == MAX_SYMBOLS)
        return complain("-profile-symbols: at most %d files", MAX_SYMBOLS);
    struct orrery_symbols *s = &o->symbols[o->nsymbols++];
    s->path = arg;
    if (!at)
        return true;
    s->offset = strtoull(at + 8, &end, 0);
    if (!at[8] || *end)
        return complain("-profile-symbols: bad offset '%s'", at + 8);
    *at = 0;
    return true;
}

static bool opt_every(struct options *o, const char *name, const char *arg)
{
    (void)name;
    if (!parse_count(arg, &o->config.profile_every) || o->config.profile_every < 1000)
        return complain("-profile-every: '%s' is not a number of instructions (1000 or more)", arg);
    return true;
}

/* Options that QEMU users pass and whose only supported value is the one that Orrery has anyway. */
static bool opt_only(struct options *o, const char *name, const char *arg)
{
    static const struct {
        const char *name, *value;
    } only[] = {
        {"display", "none"}, {"net", "none"}, {"nic", "none"}, {"monitor", "none"}, {"smp", "1"}};
    (void)o;
    for (size_t i = 0; i < sizeof(only) / sizeof(only[0]); i++)
        if (!strcmp(only[i].name, name) && !strcmp(only[i].value, arg))
            return true;
    return complain("-%s: '%s' is not supported", name, arg);
}

static bool opt_vga(struct options *o, const char *name, const char *arg)
{
    (void)name;
    o->config.no_vga = !strcmp(arg, "none");
    return o->config.no_vga || !strcmp(arg, "std") ||
           complain("-vga: '%s' is not supported (std, none)", arg);
}

static bool opt_screendump(struct options *o, const char *name, const char *arg)
{
    size_t len = strlen(arg);

    (void)name;
    o->screendump = arg;
    o->screendump_png = len >= 4 && !strcasecmp(arg + len - 4, ".png");
    return !o->screendump_png || orrery_can_png() ||
           complain("-screendump: built without libpng, '%s' must be a PPM", arg);
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
    handler fn;                  /* or one of the two below */
    size_t string_at; /* offset in struct options of a const char *, when fn is NULL and arg_name is
                         set */
    size_t flag_at;   /* offset of a bool */
    const char *help;
};

#define CONFIG(f) offsetof(struct options, config.f)
#define OPTION(f) offsetof(struct options, f)

static const struct option_row rows[] = {
    {"m", "SIZE", opt_memory, 0, 0, "guest memory in MiB, or with suffix K, M, G (default 128)"},
    {"cpu", "MODEL", opt_cpu, 0, 0, "CPU model; help lists them"},
    {"bios", "FILE", NULL, CONFIG(bios), 0, "start in this ROM image"},
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
     "file, if=ide|floppy|virtio|none, index, bus, unit, media=disk|cdrom, format=raw, readonly, "
     "snapshot, "
     "id"},
    {"global", "TYPE.PROP=VALUE", drives_global, 0, 0, "isa-fdc.driveA and isa-fdc.driveB"},
    {"snapshot", NULL, NULL, 0, OPTION(snapshot),
     "keep disk writes in memory, drop them at the end"},
    {"nographic", NULL, NULL, 0, OPTION(nographic),
     "first serial port on the terminal (Ctrl-A H for help)"},
    {"no-reboot", NULL, NULL, 0, CONFIG(no_reboot), "end instead of rebooting"},
    {"serial", "DEV", opt_serial, 0, 0,
     "next serial port: stdio, mon:stdio, file:PATH, null, none"},
    {"parallel", "DEV", NULL, OPTION(parallel), 0, "printer port: stdio, file:PATH, null, none"},
    {"debugcon", "DEV", NULL, OPTION(debugcon), 0, "debug port 0xE9: stdio, file:PATH, null"},
    {"device", "TYPE,...", opt_device, 0, 0, "add a device, e.g. isa-debug-exit,iobase=0xf4"},
    {"accel", "NAME", opt_accel, 0, 0, "jit or interp; jit,cache-size=MiB bounds the code cache"},
    {"record", "FILE", NULL, CONFIG(record), 0, "write all outside input to a journal"},
    {"replay", "FILE", NULL, CONFIG(replay), 0, "repeat the run of a journal exactly"},
    {"statehash", NULL, NULL, 0, OPTION(statehash), "print a hash of the whole machine at the end"},
    {"stats", NULL, NULL, 0, OPTION(stats), "print statistics at the end"},
    {"profile", "FILE", NULL, OPTION(profile_path), 0,
     "write where guest time goes, FILE.host, FILE.report"},
    {"profile-every", "N", opt_every, 0, 0, "guest instructions between samples (default 100003)"},
    {"profile-symbols", "FILE", opt_symbols, 0, 0,
     "names of guest functions: ELF or System.map; ,offset=N"},
    {"perf-map", NULL, NULL, 0, OPTION(perf_map), "list translated blocks for Linux's perf"},
    {"d", "ITEMS", opt_log, 0, 0, "log in_asm, ir, out_asm, int"},
    {"D", "FILE", NULL, OPTION(log_path), 0,
     "write the log of -d here instead of to standard error"},
    {"display", "none", opt_only, 0, 0, "no display yet"},
    {"vga", "TYPE", opt_vga, 0, 0, "std (default) or none"},
    {"screendump", "FILE", opt_screendump, 0, 0,
     "picture of the screen at the end: PNG if FILE ends so, else PPM"},
    {"net", "none", opt_only, 0, 0, "no network yet"},
    {"nic", "none", opt_only, 0, 0, "no network yet"},
    {"monitor", "none", opt_only, 0, 0, "no monitor yet"},
    {"smp", "1", opt_only, 0, 0, "one CPU"},
    {"machine", "pc", audio_machine, 0, 0, "the PC; pcspk-audiodev=ID: its speaker is heard there"},
    {"M", "pc", audio_machine, 0, 0, "the same"},
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
    puts("usage: orrery [options]");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char left[40];
        snprintf(left, sizeof(left), "-%s %s", rows[i].name,
                 rows[i].arg_name ? rows[i].arg_name : "");
        printf("  %-20s %s\n", left, rows[i].help);
    }
    return o->done = true;
}

static const struct option_row *find_row(const char *arg)
{
    const char *name = arg + 1 + (arg[1] == '-');
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

static bool check(const struct options *o)
{
    const struct orrery_config *c = &o->config;
    if (!c->kernel && (c->initrd || c->append))
        return complain("-initrd and -append need -kernel");
    if (c->bios && c->kernel)
        return complain("-bios and -kernel exclude each other");
    if (!c->kernel && !c->bios)
        return complain("nothing to boot: give a kernel with -kernel, or firmware with -bios");
    if (!o->profile_path && (o->nsymbols || c->profile_every))
        return complain("-profile-symbols and -profile-every need -profile");
    if (o->screendump && c->no_vga)
        return complain("-screendump needs a VGA, not -vga none");
    if (c->record && c->replay)
        return complain("-record and -replay exclude each other");
    return true;
}

bool options_parse(struct options *o, int argc, char **argv)
{
    memset(o, 0, sizeof(*o));
    for (int i = 1; i < argc && !o->done; i++) {
        const char *arg = NULL;
        const struct option_row *row = argv[i][0] == '-' && argv[i][1] ? find_row(argv[i]) : NULL;
        if (!row && argv[i][0] != '-')
            return complain("unexpected argument '%s' (a disk image is given with -hda)", argv[i]);
        if (!row)
            return complain("unknown option '%s' (see -help)", argv[i]);
        if (row->arg_name && !(arg = argv[++i]))
            return complain("option '%s' needs an argument", argv[i - 1]);
        if (!apply(o, row, arg))
            return false;
    }
    o->config.devices = o->devices;
    o->config.profile_symbols = o->symbols;
    return o->done || (check(o) && audio_configure(o) && drives_finish(o));
}
