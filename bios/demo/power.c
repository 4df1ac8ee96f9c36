/* The page about power, and how a PC is switched off: by ACPI's registers, whose places and values
 * stand in tables that one has to find, or by the firmware's APM; and three ways to start anew. */
#include "bios/demo/demo.h"

static const char *message = "";

struct acpi_header {
    char signature[4];
    u32 length;
    u8 revision, checksum;
    char oem[6], oem_table[8];
    u32 oem_revision, creator, creator_revision;
} __attribute__((packed));

/* The root pointer lies on a multiple of 16 in the BIOS's memory. 0: there is none. */
static u32 find_rsdt(void)
{
    for (const u8 *at = (const u8 *)0xe0000; at < (const u8 *)0x100000; at += 16)
        if (!memcmp(at, "RSD PTR ", 8))
            return *(const u32 *)(at + 16);
    return 0;
}

static u32 table_number(u32 rsdt, u32 n)
{
    const struct acpi_header *h = (const void *)view_physical(rsdt);

    if (memcmp(h->signature, "RSDT", 4) || n >= (h->length - sizeof(*h)) / 4)
        return 0;
    return ((const u32 *)(h + 1))[n];
}

static u32 find_fadt(void)
{
    u32 rsdt = find_rsdt(), table;

    for (u32 n = 0; rsdt && (table = table_number(rsdt, n)); n++)
        if (!memcmp(view_physical(table), "FACP", 4))
            return table;
    return 0;
}

/* The object _S5_ in the DSDT's code: a package (12h) whose first element is the sleep type, after
 * an optional byte prefix (0Ah). -1: there is none. */
static int find_s5(u32 dsdt)
{
    const u8 *code = view_physical(dsdt);
    u32 length = ((const struct acpi_header *)code)->length;

    for (u32 i = sizeof(struct acpi_header); i + 8 < length && i < 0xfff0; i++) {
        if (memcmp(code + i, "_S5_", 4) || code[i + 4] != 0x12)
            continue;
        const u8 *element = code + i + 7; /* name, 12h, length, count */
        return element[0] == 0x0a ? element[1] : element[0];
    }
    return -1;
}

static bool acpi_off(void)
{
    u32 fadt = find_fadt();

    if (!fadt)
        return false;
    const u8 *f = view_physical(fadt);
    u32 dsdt = *(const u32 *)(f + 40), command = *(const u32 *)(f + 48),
        control = *(const u32 *)(f + 64);
    u8 enable = f[52];
    int type = find_s5(dsdt);
    if (type < 0 || !control)
        return false;
    if (command && enable && !(inw((u16)control) & 1))
        outb((u16)command, enable); /* into ACPI mode */
    outw((u16)control, (u16)(1 << 13 | type << 10 | (inw((u16)control) & 1)));
    return true;
}

/* INT 15h, 53h: connect, version 1.2, power management on, state 3 (off) for all devices. */
static void apm_off(void)
{
    static const struct {
        u16 ax, bx, cx;
    } calls[] = {{0x5301, 0, 0}, {0x530e, 0, 0x0102}, {0x5308, 1, 1}, {0x5307, 1, 3}};

    for (unsigned i = 0; i < ARRAY_LEN(calls); i++) {
        struct bios_regs r = {.eax = calls[i].ax, .ebx = calls[i].bx, .ecx = calls[i].cx};
        firmware(0x15, &r);
    }
}

static void pause(void)
{
    wait_ticks(TICKS_PER_SECOND / 4);
}

static void switch_off(void)
{
    mirror_end();
    if (acpi_off())
        pause();
    apm_off();
    pause();
    mirror_all();
    message = "Neither ACPI nor APM can switch this machine off.";
}

/* Each of them is the last thing that happens, unless it does not work. */
static void reset_by_controller(void)
{
    mirror_end();
    controller_ready(2, 0);
    outb(0x64, 0xfe);
    pause();
}

static void reset_by_port_92(void)
{
    mirror_end();
    outb(0x92, (inb(0x92) & 0xfe) | 1);
    pause();
}

/* An interrupt table of nothing: the exception cannot be delivered, nor the double fault about
 * that, and the CPU gives up, which the board takes for a reset. */
static void triple_fault(void)
{
    struct table_register nothing = {0, 0};

    mirror_end();
    asm volatile("lidt %0; int3" : : "m"(nothing));
}

static const struct {
    char key;
    const char *name, *how;
    void (*act)(void);
} choices[] = {
    {'o', "Off", "ACPI: the sleep type of _S5_ into PM1a; else APM, INT 15h 5307h", switch_off},
    {'k', "Reset, keyboard controller", "command FEh pulls the CPU's reset line, since 1984",
     reset_by_controller},
    {'p', "Reset, port 92h", "bit 0, the fast way of the PS/2", reset_by_port_92},
    {'t', "Reset, triple fault", "an exception without an interrupt table", triple_fault},
};

static void draw_power(void)
{
    box(2, 1, 20, 78, "The way out");
    for (unsigned i = 0; i < ARRAY_LEN(choices); i++) {
        int row = 5 + 3 * (int)i;
        put(row, 4, ON(YELLOW, PANEL), "%c", choices[i].key - 32);
        put(row, 7, ON(WHITE, PANEL), "%s", choices[i].name);
        put(row + 1, 7, ON(DIM, PANEL), "%s", choices[i].how);
        hot(row, 3, 60, choices[i].key);
    }
    put(18, 4, ON(BRIGHT_RED, PANEL), "%s", message);
}

static void power_key(int key)
{
    for (unsigned i = 0; i < ARRAY_LEN(choices); i++)
        if (choices[i].key == key)
            choices[i].act();
}

const struct page power_page = {
    .key = 'f',
    .name = "Power off, reset",
    .about = "How a PC is switched off, by ACPI or APM, and three ways to start it anew.",
    .hints = "O off  K P T reset  Esc menu",
    .interval = 40,
    .draw = draw_power,
    .key_pressed = power_key,
};
