/* What only ring 0 of a machine of its own can do: TLB flushes, interrupts, faults, ports, devices.
 */
#include "bare.h"

#define PAGE 4096u

static u8 pages[256 * PAGE] __attribute__((aligned(4096)));

static void write_cr3(void)
{
    u32 t;
    __asm__ volatile("mov %%cr3, %0\n mov %0, %%cr3" : "=r"(t) : : "memory");
}

static void invlpg(const void *p)
{
    __asm__ volatile("invlpg (%0)" : : "r"(p) : "memory");
}

static u32 flush_all(u32 reps)
{
    while (reps--)
        write_cr3();
    return 0;
}
KERNEL(flush_all, "tlb/CR3 write", 1, "flush");

static u32 flush_and_touch(u32 reps)
{
    u32 sum = 0;
    while (reps--) {
        write_cr3();
        for (u32 i = 0; i < 256; i++)
            sum += *(volatile u32 *)(pages + i * PAGE);
    }
    return sum;
}
KERNEL(flush_and_touch, "tlb/CR3 write and 256 misses", 256, "miss");

static u32 flush_and_touch_8(u32 reps)
{
    u32 sum = 0;
    while (reps--) {
        write_cr3();
        for (u32 i = 0; i < 8; i++)
            sum += *(volatile u32 *)(pages + i * PAGE);
    }
    return sum;
}
KERNEL(flush_and_touch_8, "tlb/CR3 write and 8 misses", 1, "flush");

static u32 flush_one(u32 reps)
{
    u32 sum = 0;
    while (reps--) {
        invlpg(pages);
        sum += *(volatile u32 *)pages;
    }
    return sum;
}
KERNEL(flush_one, "tlb/INVLPG and one miss", 1, "flush");

static u32 do_nothing(u32 x)
{
    return x + 1;
}

/* What a flush costs the jump cache: eight indirect calls after each. */
static u32 flush_calls(u32 reps)
{
    static u32 (*volatile fn)(u32) = do_nothing;
    u32 sum = 0;
    while (reps--) {
        write_cr3();
        for (u32 i = 0; i < 8; i++)
            sum = fn(sum);
    }
    return sum;
}
KERNEL(flush_calls, "tlb/CR3 write and 8 indirect calls", 1, "flush");

static u32 interrupt_ring0(u32 reps)
{
    while (reps--)
        __asm__ volatile("int $0x30");
    return 0;
}
KERNEL(interrupt_ring0, "interrupt/INT n, IRET", 1, "interrupt");

static u32 interrupt_ring3(u32 reps)
{
    in_ring3(user_int, reps);
    return 0;
}
KERNEL(interrupt_ring3, "interrupt/INT n, IRET from ring 3", 1, "interrupt");

static void write_msr(u32 msr, u32 value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"(value), "d"(0));
}

static u32 sysenter(u32 reps)
{
    static u8 stack[4096];
    write_msr(0x174, 0x08);
    write_msr(0x175, (u32)(stack + sizeof(stack)));
    write_msr(0x176, (u32)sysenter_entry);
    in_ring3(user_sysenter, reps);
    return 0;
}
KERNEL(sysenter, "interrupt/SYSENTER, SYSEXIT", 1, "call");

/* COM1's "transmitter empty" interrupt, which comes as soon as it is enabled. */
static u32 device_interrupt(u32 reps)
{
    u32 before = ticks, n = reps;
    while (n--) {
        outb(0x3f9, 2);
        __asm__ volatile("sti\n nop\n cli");
        outb(0x3f9, 0);
    }
    return ticks - before == reps;
}
KERNEL(device_interrupt, "interrupt/serial port: 5 port accesses", 1, "interrupt");

/* The PIT's channel 0 in mode 0: one interrupt, 2 clocks after the count is written. */
static u32 timer_interrupt(u32 reps)
{
    u32 before = ticks, n = reps;
    outb(0x43, 0x30);
    outb(0x21, 0xfe);
    while (n--) {
        outb(0x40, 2);
        outb(0x40, 0);
        __asm__ volatile("sti\n hlt\n cli");
    }
    outb(0x21, 0xef);
    return ticks - before == reps;
}
KERNEL(timer_interrupt, "interrupt/timer, halted", 1, "interrupt");

static u32 timer_busy(u32 reps)
{
    u32 n = reps;
    outb(0x43, 0x30);
    outb(0x21, 0xfe);
    while (n--) {
        u32 before = ticks;
        outb(0x40, 2);
        outb(0x40, 0);
        __asm__ volatile("sti");
        while (ticks == before)
            ;
        __asm__ volatile("cli");
    }
    outb(0x21, 0xef);
    return 1;
}
KERNEL(timer_busy, "interrupt/timer, waited for in a loop", 1, "interrupt");

static u32 page_fault(u32 reps)
{
    u32 sum = 0;
    fault_pte = page_entry((u32)pages);
    while (reps--) {
        *fault_pte &= ~1u;
        invlpg(pages);
        sum += *(volatile u32 *)pages;
    }
    return sum;
}
KERNEL(page_fault, "interrupt/page fault, INVLPG", 1, "fault");

static u32 port_out(u32 reps)
{
    while (reps--)
        outb(0x80, 1);
    return 0;
}
KERNEL(port_out, "device/OUT to no device", 1, "access");

static u32 port_in(u32 reps)
{
    u32 sum = 0;
    while (reps--)
        sum += inb(0x3fd);
    return sum;
}
KERNEL(port_in, "device/IN from the serial port", 1, "access");

static u32 port_cmos(u32 reps)
{
    u32 sum = 0;
    while (reps--) {
        outb(0x70, 0x0d);
        sum += inb(0x71) >> 7;
    }
    return sum;
}
KERNEL(port_cmos, "device/OUT, IN of the CMOS clock", 2, "access");

static u32 mmio_read(u32 reps)
{
    u32 n = 0;
    while (reps--)
        n += *(volatile u32 *)0xfee00030 != 1; /* the local APIC's version, all ones without one */
    return n;
}
KERNEL(mmio_read, "device/MMIO read", 1, "access");

static u32 mmio_write(u32 reps)
{
    while (reps--)
        *(volatile u32 *)0xfee00080 = 0; /* task priority */
    return 0;
}
KERNEL(mmio_write, "device/MMIO write", 1, "access");

static u32 rdtsc(u32 reps)
{
    while (reps--)
        __builtin_ia32_rdtsc();
    return 0;
}
KERNEL(rdtsc, "system/RDTSC", 1, "instruction");

static u32 cpuid(u32 reps)
{
    u32 a, sum = 0;
    while (reps--) {
        a = 0;
        __asm__ volatile("cpuid" : "+a"(a) : : "ebx", "ecx", "edx");
        sum += a & 0;
    }
    return sum;
}
KERNEL(cpuid, "system/CPUID", 1, "instruction");

static u32 segment_load(u32 reps)
{
    while (reps--)
        __asm__ volatile("mov %%ds, %%eax\n mov %%eax, %%fs\n mov %%eax, %%gs" : : : "eax");
    return 0;
}
KERNEL(segment_load, "system/MOV to FS and GS", 2, "load");

static u32 sti_cli(u32 reps)
{
    while (reps--)
        __asm__ volatile("sti\n nop\n cli");
    return 0;
}
KERNEL(sti_cli, "system/STI, NOP, CLI", 1, "pair");
