/* The subcommands of the text monitor's "info". */
#include <string.h>
#include <unistd.h>

#include "frontend/chardevs.h"
#include "frontend/monitor.h"
#include "frontend/pci_class.h"
#include "frontend/session.h"
#include "frontend/version.h"

/* Those that the library prints. */
#define LIBRARY(name)                                                                              \
    static bool info_##name(struct hmp *h)                                                         \
    {                                                                                              \
        orrery_print_##name(h->session->machine, h->out);                                          \
        return true;                                                                               \
    }
LIBRARY(mem)
LIBRARY(pic)
LIBRARY(lapic)
LIBRARY(irq)
LIBRARY(mtree)
LIBRARY(qtree)
LIBRARY(roms)
LIBRARY(jit)
#undef LIBRARY

/* Those that are facts. */
#define TABLE(name)                                                                                \
    static bool info_##name(struct hmp *h)                                                         \
    {                                                                                              \
        return hmp_table(h, #name);                                                                \
    }
TABLE(gdt)
TABLE(idt)
TABLE(ldt)
TABLE(pages)
TABLE(tss)
#undef TABLE

/* In words as in QEMU, which has no TLB and lists pages; else what the TLB holds. */
static bool info_tlb(struct hmp *h)
{
    if (h->json)
        return hmp_table(h, "tlb");
    orrery_print_tlb(h->session->machine, h->out);
    return true;
}

static bool info_registers(struct hmp *h)
{
    hmp_flag(h, 'a');
    fputs("\nCPU#0\n", h->out);
    orrery_print_registers(h->session->machine, h->out);
    return true;
}

static bool info_cpus(struct hmp *h)
{
    fprintf(h->out, "* CPU #0: thread_id=%d\n", (int)getpid());
    return true;
}

static bool info_status(struct hmp *h)
{
    const char *status = session_status(h->session);
    bool paused = !strcmp(status, "paused");

    fprintf(h->out, "VM status: %s", h->session->paused ? "paused" : "running");
    if (h->session->paused && !paused)
        fprintf(h->out, " (%s)", status);
    fputc('\n', h->out);
    return true;
}

static bool info_block(struct hmp *h)
{
    struct orrery_drive_state d;

    for (unsigned n = 0; orrery_drive_state(h->session->machine, n, &d); n++) {
        fprintf(h->out, n ? "\n%s: " : "%s: ", d.name);
        if (d.file)
            fprintf(h->out, "%s (raw%s)\n", d.file, d.readonly ? ", read-only" : "");
        else
            fputs("[not inserted]\n", h->out);
        if (d.removable)
            fprintf(h->out, "    Removable device: %slocked, tray %s\n", d.locked ? "" : "not ",
                    d.tray_open ? "open" : "closed");
        if (d.file)
            fputs("    Cache mode:       writeback\n", h->out);
    }
    return true;
}

static bool info_chardev(struct hmp *h)
{
    for (const struct chr *c = h->session->chardevs; c; c = c->next)
        fprintf(h->out, "%s: filename=%s%s\n", c->id, c->open ? "" : "disconnected:", c->filename);
    return true;
}

static bool info_version(struct hmp *h)
{
    fprintf(h->out, "%d.%d.%d (%s)\n", QEMU_MAJOR, QEMU_MINOR, QEMU_MICRO, ORRERY_NAME);
    return true;
}

static bool info_mice(struct hmp *h)
{
    bool serial = false;

    for (const struct chr *c = h->session->chardevs; c; c = c->next)
        serial |= c->kind == &chr_msmouse && c->users;
    fprintf(h->out, "%c Mouse #0: QEMU PS/2 Mouse\n", serial ? ' ' : '*');
    if (serial)
        fputs("* Mouse #1: QEMU Microsoft Mouse\n", h->out);
    return true;
}

static bool info_name(struct hmp *h)
{
    const char *name = h->session->options.name;

    if (name)
        fprintf(h->out, "%.*s\n", (int)strcspn(name, ","), name);
    return true;
}

static bool info_uuid(struct hmp *h)
{
    fputs("00000000-0000-0000-0000-000000000000\n", h->out);
    return true;
}

static bool info_kvm(struct hmp *h)
{
    fputs("kvm support: not compiled\n", h->out);
    return true;
}

static bool info_usb(struct hmp *h)
{
    return hmp_fail(h, "Error: USB support not enabled");
}

static bool info_history(struct hmp *h)
{
    if (h->history)
        line_print_history(h->history, h->out);
    return true;
}

static bool info_memory(struct hmp *h)
{
    fprintf(h->out, "base memory: %llu\nplugged memory: 0\n",
            (unsigned long long)orrery_ram_bytes(h->session->machine));
    return true;
}

static bool info_breakpoints(struct hmp *h)
{
    breaks_print(h->session, h->out);
    return true;
}

static bool info_state(struct hmp *h)
{
    char id[64];
    bool one = hmp_word(h, id, sizeof(id));

    return orrery_print_state(h->session->machine, one ? id : NULL, h->out) ||
           hmp_fail(h, "Error: Device '%s' not found", id);
}

/* ---- PCI ---- */

static void print_bar(FILE *out, unsigned n, const struct orrery_pci_bar *b)
{
    uint64_t at = b->address ? b->address : UINT64_MAX;
    int digits = b->io ? 4 : 8;

    if (!b->present)
        return;
    fprintf(out, "      BAR%u: %s at 0x%0*llx [0x%0*llx].\n", n,
            b->io         ? "I/O"
            : b->prefetch ? "32 bit prefetchable memory"
                          : "32 bit memory",
            digits, (unsigned long long)at, digits, (unsigned long long)(at + b->size - 1));
}

static bool info_pci(struct hmp *h)
{
    struct orrery_pci f;

    for (unsigned n = 0; orrery_pci_function(h->session->machine, n, &f); n++) {
        fprintf(h->out, "  Bus  0, device %3u, function %u:\n    %s: PCI device %04x:%04x\n",
                f.slot, f.function, pci_class_name(f.class_code), f.vendor, f.device);
        if (f.subsystem_vendor || f.subsystem)
            fprintf(h->out, "      PCI subsystem %04x:%04x\n", f.subsystem_vendor, f.subsystem);
        if (f.irq_pin)
            fprintf(h->out, "      IRQ %u, pin %c\n", f.irq_line, 'A' + f.irq_pin - 1);
        for (unsigned i = 0; i < 6; i++)
            print_bar(h->out, i, &f.bar[i]);
        fputs("      id \"\"\n", h->out);
    }
    return true;
}

const struct hmp_command hmp_info_commands[] = {
    {"block", NULL, "", "show the drives and what is in them", info_block},
    {"breakpoints", "break", "", "show the breakpoints", info_breakpoints},
    {"chardev", NULL, "", "show the character devices", info_chardev},
    {"cpus", NULL, "", "show infos for each CPU", info_cpus},
    {"gdt", NULL, "[--json]", "show the global descriptor table, decoded", info_gdt},
    {"history", NULL, "", "show the command line history", info_history},
    {"idt", NULL, "[--json]", "show the interrupt descriptor table, decoded", info_idt},
    {"irq", NULL, "", "show the interrupts statistics", info_irq},
    {"jit", NULL, "", "show the translator's figures", info_jit},
    {"kvm", NULL, "", "show KVM information", info_kvm},
    {"lapic", NULL, "", "show local apic state", info_lapic},
    {"ldt", NULL, "[--json]", "show the local descriptor table, decoded", info_ldt},
    {"mem", NULL, "", "show the active virtual memory mappings", info_mem},
    {"memory_size_summary", NULL, "", "show the amount of memory", info_memory},
    {"mice", NULL, "", "show which guest mouse is receiving events", info_mice},
    {"mtree", NULL, "", "show memory and port regions", info_mtree},
    {"name", NULL, "", "show the machine's name", info_name},
    {"network", NULL, "", "show the networks", hmp_info_network},
    {"pages", NULL, "[--json]", "show what the page tables map, decoded", info_pages},
    {"pci", NULL, "", "show PCI info", info_pci},
    {"pic", NULL, "", "show PIC state", info_pic},
    {"qtree", NULL, "", "show the devices and their properties", info_qtree},
    {"registers", NULL, "[-a]", "show the cpu registers", info_registers},
    {"replay", NULL, "", "show whether a run is recorded or replayed", hmp_info_replay},
    {"roms", NULL, "", "show roms", info_roms},
    {"snapshots", NULL, "", "show the files of savevm in the current folder", hmp_info_snapshots},
    {"state", NULL, "[device]", "show all fields of a device, or of all", info_state},
    {"status", NULL, "", "show whether the guest runs", info_status},
    {"tlb", NULL, "[--json]",
     "show virtual to physical memory mappings; as JSON what the TLB holds", info_tlb},
    {"tss", NULL, "[--json]", "show the task state segment, decoded", info_tss},
    {"usb", NULL, "", "show guest USB devices", info_usb},
    {"usernet", NULL, "", "show the connections of user networks", hmp_info_usernet},
    {"uuid", NULL, "", "show the machine's UUID", info_uuid},
    {"version", NULL, "", "show the version", info_version},
    {"vnc", NULL, "", "show who is connected to the VNC server", hmp_info_vnc},
    {NULL, NULL, NULL, NULL, NULL},
};
