/* The text monitor's commands about memory and ports: x, xp, print, i, o, sum, saving, address
 * translation. */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/bytes.h"
#include "frontend/monitor.h"
#include "frontend/session.h"

#define CHUNK 4096

static bool read_memory(struct session *s, uint64_t addr, bool phys, void *buf, size_t len)
{
    if (!phys)
        return orrery_read_linear(s->machine, addr, buf, len);
    orrery_peek_phys(s->machine, addr, buf, len);
    return true;
}

/* ---- x, xp ---- */

static void print_char(FILE *out, uint8_t c)
{
    static const char names[] = "n\nr\rt\t\\\\''";

    for (const char *n = names; *n; n += 2) {
        if ((uint8_t)n[1] == c) {
            fprintf(out, "'\\%c'", n[0]);
            return;
        }
    }
    fprintf(out, isprint(c) ? "'%c'" : "'\\x%02x'", c);
}

static void print_binary(FILE *out, unsigned size, uint64_t v)
{
    for (unsigned bit = size * 8; bit-- > 0;)
        fputc('0' + (int)(v >> bit & 1), out);
}

static void print_value(FILE *out, char format, unsigned size, uint64_t v)
{
    int octal = (int)(size * 8 + 2) / 3, decimal = (int)(size * 80 + 32) / 33;

    switch (format) {
    case 'o': fprintf(out, "%#*llo", octal, (unsigned long long)v); break;
    case 'u': fprintf(out, "%*llu", decimal, (unsigned long long)v); break;
    case 'd': fprintf(out, "%*lld", decimal, (long long)v); break;
    case 'c': print_char(out, (uint8_t)v); break;
    case 't': print_binary(out, size, v); break;
    default: fprintf(out, "0x%0*llx", (int)size * 2, (unsigned long long)v); break;
    }
}

static void print_address(struct hmp *h, uint64_t addr, bool phys)
{
    const struct orrery *o = h->session->machine;

    if (!phys)
        addr = orrery_linear(o, addr);
    fprintf(h->out, "%0*llx:", phys || orrery_is_long(o) ? 16 : 8, (unsigned long long)addr);
}

static bool dump(struct hmp *h, const struct hmp_format *f, uint64_t addr, bool phys)
{
    uint64_t left = (uint64_t)f->count * f->size;
    unsigned line = f->size == 1 ? 8 : 16, each = f->format == 'c' ? 1 : f->size;

    while (left) {
        uint8_t buf[16];
        unsigned n = left < line ? (unsigned)left : line;

        print_address(h, addr, phys);
        if (!read_memory(h->session, addr, phys, buf, n))
            return hmp_fail(h, " Cannot access memory");
        for (unsigned i = 0; i < n; i += each) {
            fputc(' ', h->out);
            print_value(h->out, f->format, each, load_le(buf + i, each));
        }
        fputc('\n', h->out);
        addr += n;
        left -= n;
    }
    return true;
}

/* As many bytes as can be read, up to 15. */
static size_t read_code(struct session *s, uint64_t addr, bool phys, uint8_t *buf)
{
    size_t n = 0;

    while (n < 15 && read_memory(s, addr + n, phys, buf + n, 1))
        n++;
    return n;
}

static bool disassemble(struct hmp *h, unsigned count, uint64_t addr, bool phys)
{
    int digits = orrery_is_long(h->session->machine) ? 16 : 8;

    for (bool first = true; count--; first = false) {
        uint8_t code[15];
        char text[128], bytes[64] = "", name[256];
        size_t avail = read_code(h->session, addr, phys, code);
        unsigned n;

        if (!avail)
            return hmp_fail(h, "0x%0*llx:  Cannot access memory", digits, (unsigned long long)addr);
        if (!phys && orrery_symbol(h->session->machine, addr, name, sizeof(name)) &&
            (first || !strchr(name, '+')))
            fprintf(h->out, "<%s>:\n", name);
        n = orrery_disassemble(h->session->machine, code, avail, addr, text, sizeof(text));
        for (unsigned i = 0; i < n; i++)
            snprintf(bytes + 3 * i, sizeof(bytes) - 3 * i, "%02x ", code[i]);
        fprintf(h->out, "0x%0*llx:  %-24s %s\n", digits, (unsigned long long)addr, bytes, text);
        addr += n;
    }
    return true;
}

static bool strings(struct hmp *h, unsigned count, uint64_t addr, bool phys)
{
    while (count--) {
        unsigned n = 0;
        uint8_t c = 0;

        print_address(h, addr, phys);
        fputs(" \"", h->out);
        for (; n < CHUNK; n++) {
            if (!read_memory(h->session, addr + n, phys, &c, 1))
                return hmp_fail(h, "\" Cannot access memory");
            if (!c)
                break;
            fprintf(h->out, isprint(c) ? c == '"' || c == '\\' ? "\\%c" : "%c" : "\\x%02x", c);
        }
        fputs("\"\n", h->out);
        addr += n + 1;
    }
    return true;
}

static bool examine(struct hmp *h, bool phys)
{
    struct hmp_format f;
    uint64_t addr;

    if (!hmp_format(h, &f) || !hmp_value(h, &addr))
        return false;
    if (f.format == 'i')
        return disassemble(h, f.count, addr, phys);
    if (f.format == 's')
        return strings(h, f.count, addr, phys);
    return dump(h, &f, addr, phys);
}

static bool run_x(struct hmp *h)
{
    return examine(h, false);
}

static bool run_xp(struct hmp *h)
{
    return examine(h, true);
}

static bool run_print(struct hmp *h)
{
    struct hmp_format f;
    uint64_t v;

    if (!hmp_format(h, &f) || !hmp_value(h, &v))
        return false;
    if (f.format == 'c')
        print_char(h->out, (uint8_t)v);
    else if (f.format == 't')
        print_binary(h->out, 8, v);
    else
        fprintf(h->out,
                f.format == 'o'   ? "%#llo"
                : f.format == 'x' ? "%#llx"
                : f.format == 'u' ? "%llu"
                                  : "%lld",
                (unsigned long long)v);
    fputc('\n', h->out);
    return true;
}

/* ---- ports ---- */

static bool port_format(struct hmp *h, struct hmp_format *f)
{
    if (!hmp_format(h, f))
        return false;
    return f->size <= 4 || hmp_fail(h, "a port has 1, 2 or 4 bytes");
}

static bool run_i(struct hmp *h)
{
    static const char suffix[] = " bw l";
    struct orrery *o = h->session->machine;
    struct hmp_format f;
    uint64_t port, index;
    uint32_t value = 0;
    bool ok = true;

    if (!port_format(h, &f) || !hmp_value(h, &port))
        return false;
    port &= 0xffff;
    if (!hmp_at_end(h)) {
        if (!hmp_value(h, &index))
            return false;
        ok = orrery_port_out(o, (uint16_t)port++, 1, (uint8_t)index);
    }
    if (!ok || !orrery_port_in(o, (uint16_t)port, f.size, &value))
        return hmp_fail(h, "ports cannot be read during a replay");
    fprintf(h->out, "port%c[0x%04x] = 0x%0*x\n", suffix[f.size], (unsigned)(port & 0xffff),
            (int)f.size * 2, value);
    return true;
}

static bool run_o(struct hmp *h)
{
    struct hmp_format f;
    uint64_t port, value;

    if (!port_format(h, &f) || !hmp_value(h, &port) || !hmp_value(h, &value))
        return false;
    return orrery_port_out(h->session->machine, (uint16_t)port, f.size, (uint32_t)value) ||
           hmp_fail(h, "ports cannot be written during a replay");
}

/* ---- the rest ---- */

/* The checksum of BSD's sum. */
static bool run_sum(struct hmp *h)
{
    uint64_t addr, size;
    uint16_t sum = 0;

    if (!hmp_value(h, &addr) || !hmp_value(h, &size))
        return false;
    if (size > 1ull << 32)
        return hmp_fail(h, "too much memory");
    for (uint64_t i = 0; i < size; i++) {
        uint8_t c;
        read_memory(h->session, addr + i, true, &c, 1);
        sum = (uint16_t)((sum >> 1 | sum << 15) + c);
    }
    fprintf(h->out, "%05d\n", sum);
    return true;
}

static bool run_gva2gpa(struct hmp *h)
{
    uint64_t linear, phys;

    if (!hmp_value(h, &linear))
        return false;
    if (orrery_translate(h->session->machine, linear, &phys))
        fprintf(h->out, "gpa: %#llx\n", (unsigned long long)phys);
    else
        fputs("Unmapped\n", h->out);
    return true;
}

bool monitor_save(struct session *s, uint64_t addr, uint64_t size, const char *path, bool phys,
                  char *err, size_t err_size)
{
    uint8_t buf[CHUNK];
    FILE *f = fopen(path, "wb");
    bool ok = true;

    if (!f) {
        snprintf(err, err_size, "Could not open '%s': %s", path, strerror(errno));
        return false;
    }
    while (ok && size) {
        size_t n = CHUNK - (addr & (CHUNK - 1));
        n = n < size ? n : (size_t)size;
        ok = read_memory(s, addr, phys, buf, n);
        if (!ok)
            snprintf(err, err_size, "Invalid addr 0x%016llx/size %llu specified",
                     (unsigned long long)addr, (unsigned long long)size);
        else if (fwrite(buf, 1, n, f) != n)
            snprintf(err, err_size, "Could not write '%s': %s", path, strerror(errno)), ok = false;
        addr += n;
        size -= n;
    }
    if (fclose(f) && ok) {
        snprintf(err, err_size, "Could not write '%s': %s", path, strerror(errno));
        ok = false;
    }
    return ok;
}

static bool save(struct hmp *h, bool phys)
{
    uint64_t addr, size;
    char path[1024], err[1200];

    if (!hmp_value(h, &addr) || !hmp_value(h, &size) ||
        !hmp_need_word(h, path, sizeof(path), "filename"))
        return false;
    return monitor_save(h->session, addr, size, path, phys, err, sizeof(err)) ||
           hmp_fail(h, "Error: %s", err);
}

static bool run_memsave(struct hmp *h)
{
    return save(h, false);
}

static bool run_pmemsave(struct hmp *h)
{
    return save(h, true);
}

const struct hmp_command hmp_memory_commands[] = {
    {"x", NULL, "/fmt addr", "virtual memory dump starting at 'addr'", run_x},
    {"xp", NULL, "/fmt addr", "physical memory dump starting at 'addr'", run_xp},
    {"print", "p", "/fmt expr", "print expression value (use $reg for CPU register access)",
     run_print},
    {"i", NULL, "/fmt addr [index]", "I/O port read", run_i},
    {"o", NULL, "/fmt addr value", "I/O port write", run_o},
    {"sum", NULL, "addr size", "compute the checksum of a memory region", run_sum},
    {"gva2gpa", NULL, "addr", "print the guest physical address of a guest virtual address",
     run_gva2gpa},
    {"memsave", NULL, "addr size file", "save to disk virtual memory dump", run_memsave},
    {"pmemsave", NULL, "addr size file", "save to disk physical memory dump", run_pmemsave},
    {NULL, NULL, NULL, NULL, NULL},
};
