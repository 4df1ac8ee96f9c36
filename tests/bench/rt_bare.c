/* The runtime of the bare guest: commands over COM1, interrupts, one-to-one paging with pages of 4
 * KiB. Waits in HLT. */
#include "bare.h"
#include "runtime.h"

enum { COM1 = 0x3f8, IER = COM1 + 1, LSR = COM1 + 5, PIC = 0x20 };

#define MAPPED_MIB 64
#define LOW_BASE   0x40000u

static u32 page_directory[1024] __attribute__((aligned(4096)));
static u32 page_tables[MAPPED_MIB / 4][1024] __attribute__((aligned(4096)));
static u32 device_table[1024] __attribute__((aligned(4096)));

u32 *page_entry(u32 address)
{
    return &page_tables[address >> 22][address >> 12 & 1023];
}

static void start_paging(void)
{
    for (u32 i = 0; i < MAPPED_MIB / 4; i++) {
        for (u32 k = 0; k < 1024; k++)
            page_tables[i][k] = (i << 22 | k << 12) + 7;
        page_directory[i] = (u32)page_tables[i] + 7;
    }
    for (u32 k = 0; k < 1024; k++) /* FEC00000 on: APIC registers, not cached */
        device_table[k] = (0xfec00000u | k << 12) + 0x1b;
    page_directory[0xfec00000u >> 22] = (u32)device_table + 7;
    __asm__ volatile("mov %0, %%cr3\n mov %%cr0, %%eax\n or $0x80000000, %%eax\n"
                     "mov %%eax, %%cr0\n jmp 1f\n1:"
                     :
                     : "r"(page_directory)
                     : "eax", "memory");
}

void set_gate(u32 vector, void (*handler)(void), u32 type)
{
    u32 a = (u32)handler;
    idt[vector][0] = (a & 0xffff) | 0x08u << 16;
    idt[vector][1] = (a & 0xffff0000u) | type << 8;
}

static void start_interrupts(void)
{
    static const u8 init[][2] = {{0, 0x11}, {1, 0x20}, {1, 4}, {1, 1}, {1, 0xef}};
    for (u32 i = 0; i < 0x32; i++)
        set_gate(i, isr_stray, 0x8e);
    set_gate(14, isr_page, 0x8e);
    set_gate(0x20, isr_irq0, 0x8e);
    set_gate(0x24, isr_irq4, 0x8e);
    set_gate(0x27, isr_nothing, 0x8e); /* spurious */
    set_gate(0x30, isr_nothing, 0xee);
    set_gate(0x31, isr_leave_ring3, 0xee);
    load_idt();
    for (u32 i = 0; i < sizeof(init) / 2; i++)
        outb((u16)(PIC + init[i][0]), init[i][1]);
}

static void start_fpu(void)
{
    __asm__ volatile("mov %%cr0, %%eax\n and $~0xc, %%eax\n or $0x22, %%eax\n mov %%eax, %%cr0\n"
                     "mov %%cr4, %%eax\n or $0x600, %%eax\n mov %%eax, %%cr4"
                     :
                     :
                     : "eax");
}

static void start_serial(void)
{
    outb(COM1 + 3, 0x83);
    outb(COM1, 1);
    outb(COM1 + 1, 0);
    outb(COM1 + 3, 3);
    outb(COM1 + 2, 7);
    outb(COM1 + 4, 0x0b);
}

int runtime_get(void)
{
    if (!(inb(LSR) & 1)) {
        outb(IER, 1);
        while (!(inb(LSR) & 1))
            __asm__ volatile("sti\n hlt\n cli");
        outb(IER, 0);
    }
    return inb(COM1);
}

void runtime_put(char c)
{
    while (!(inb(LSR) & 0x20))
        ;
    outb(COM1, (u8)c);
}

u64 runtime_stamp(void)
{
    return __builtin_ia32_rdtsc();
}

/* The 16-bit image begins with its entry point, the way back, and its table of kernels (low16.s).
 */
struct low_head {
    u8 jump[4];
    u32 back_eip;
    u16 back_cs;
    u16 real;
    u32 table, table_end;
};

extern const u8 low_image[], low_image_end[];

static const struct low_head *low_head(void)
{
    return (const struct low_head *)LOW_BASE;
}

static u32 low_kernels(void)
{
    return (low_head()->table_end - low_head()->table) / sizeof(struct kernel);
}

/* Each of them in real mode and in 16-bit protected mode. */
int runtime_extra(u32 index, struct extra_kernel *out)
{
    const struct kernel *table = (const struct kernel *)(LOW_BASE + low_head()->table);
    if (index >= 2 * low_kernels())
        return 0;
    const struct kernel *k = &table[index / 2];
    out->group = index % 2 ? "pm16/" : "real/";
    out->name = (const char *)(LOW_BASE + (u32)k->name);
    out->unit = (const char *)(LOW_BASE + (u32)k->unit);
    out->ops = k->ops;
    return 1;
}

u32 runtime_run_extra(u32 index, u32 reps)
{
    return in_16bit(index % 2 == 0, index / 2, reps);
}

__attribute__((used)) void bare_main(void)
{
    start_fpu();
    start_paging();
    start_interrupts();
    start_serial();
    for (u32 i = 0; i < 0x10000; i++)
        ((volatile u8 *)LOW_BASE)[i] = i < (u32)(low_image_end - low_image) ? low_image[i] : 0;
    command_loop();
}
