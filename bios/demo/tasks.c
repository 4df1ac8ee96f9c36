/* The page about tasks, of both kinds. In hardware: CALL to a task's selector stores all registers
 * in one TSS, loads them from another, and links back; IRET goes home (SDM vol. 3A, chapter 8). In
 * software: at a timer interrupt the handler returns to another thread's stack than the one that it
 * came from. */
#include "bios/demo/demo.h"

#define STACK_WORDS 512

/* ---- hardware: main calls A, A calls B, B returns to A, A to main ---- */

static struct tss task_a, task_b;
static u32 stack_a[STACK_WORDS], stack_b[STACK_WORDS];
static u32 count_a, count_b, trips;

/* What B saw from within. */
static struct {
    u32 eflags, cr0;
    u16 tr;
    u8 busy[3]; /* main, A, B */
} seen;

static u8 is_busy(u16 selector)
{
    return gdt[selector / 8] >> 41 & 1;
}

static void run_task_a(void)
{
    for (;;) {
        count_a++;
        asm volatile("lcall %0, $0" : : "i"(SEL_TASK_B) : "memory");
        asm volatile("iret" : : : "memory"); /* NT is set: back to whoever has called */
    }
}

static void run_task_b(void)
{
    for (;;) {
        count_b++;
        seen.eflags = read_eflags();
        seen.cr0 = read_cr0();
        seen.tr = read_tr();
        seen.busy[0] = is_busy(SEL_MAIN);
        seen.busy[1] = is_busy(SEL_TASK_A);
        seen.busy[2] = is_busy(SEL_TASK_B);
        asm volatile("iret" : : : "memory");
    }
}

/* Interrupts stay off in them, EFLAGS being 2. */
static void make_task(struct tss *t, u16 selector, void (*run)(void), u32 *stack)
{
    *t = (struct tss){
        .cr3 = read_cr3(),
        .eip = (u32)run,
        .eflags = 2,
        .esp = (u32)(stack + STACK_WORDS),
        .cs = SEL_CODE,
        .ss = SEL_DATA,
        .ds = SEL_DATA,
        .es = SEL_DATA,
        .fs = SEL_DATA,
        .gs = SEL_DATA,
        .io_map = sizeof(*t),
    };
    describe_tss(selector, t);
}

static void round_trip(void)
{
    interrupts_off();
    asm volatile("lcall %0, $0" : : "i"(SEL_TASK_A) : "memory");
    asm volatile("clts"); /* a switch sets TS: the FPU still holds the other task's numbers */
    interrupts_on();
    trips++;
}

/* ---- software: three threads that never give up the CPU of their own will ---- */

#define THREADS      3
#define BURST_SLICES 12

static struct thread {
    const char *name;
    struct frame *frame; /* while it waits */
    u32 slices, found, at;
    u32 stack[STACK_WORDS];
} threads[THREADS] = {{.name = "primes"}, {.name = "squares"}, {.name = "3n+1"}};

static struct frame *waiting_main; /* while threads run */
static unsigned running, slices_left;
static u32 switches;

static bool is_prime(u32 n)
{
    for (u32 d = 2; d * d <= n; d++)
        if (n % d == 0)
            return false;
    return n > 1;
}

/* Is it the sum of two squares? */
static bool is_square_sum(u32 n)
{
    for (u32 a = 0; a * a <= n; a++) {
        u32 rest = n - a * a, root = square_root(rest);
        if (root * root == rest)
            return true;
    }
    return false;
}

/* Does it take more than a hundred steps to 1? */
static bool is_long_walk(u32 n)
{
    u32 count = 0;

    for (; n != 1 && count < 100; count++)
        n = n & 1 ? 3 * n + 1 : n / 2;
    return n != 1;
}

static bool (*const works[THREADS])(u32 n) = {is_prime, is_square_sum, is_long_walk};

static void run_thread(unsigned i)
{
    for (u32 n = 1;; n++) {
        threads[i].at = n;
        threads[i].found += works[i](n);
    }
}

static void run_thread_0(void)
{
    run_thread(0);
}

static void run_thread_1(void)
{
    run_thread(1);
}

static void run_thread_2(void)
{
    run_thread(2);
}

/* A stack as if the thread had just been interrupted before its first instruction. */
static void make_thread(unsigned i, void (*run)(void))
{
    struct thread *t = &threads[i];

    t->frame = (struct frame *)((u8 *)(t->stack + STACK_WORDS - 1) - sizeof(struct frame));
    *t->frame = (struct frame){
        .es = SEL_DATA, .ds = SEL_DATA, .eip = (u32)run, .cs = SEL_CODE, .eflags = EFLAGS_IF | 2};
}

static void start_burst(void)
{
    slices_left = BURST_SLICES;
}

struct frame *threads_switch(struct frame *now)
{
    if (!slices_left && !waiting_main)
        return now;
    if (!waiting_main)
        waiting_main = now;
    else
        threads[running].frame = now;
    if (!slices_left) {
        now = waiting_main;
        waiting_main = NULL;
        return now;
    }
    slices_left--;
    switches++;
    running = (running + 1) % THREADS;
    threads[running].slices++;
    return threads[running].frame;
}

/* ---- the page ---- */

static void open_tasks(void)
{
    static void (*const runs[THREADS])(void) = {run_thread_0, run_thread_1, run_thread_2};

    if (threads[0].frame)
        return;
    make_task(&task_a, SEL_TASK_A, run_task_a, stack_a);
    make_task(&task_b, SEL_TASK_B, run_task_b, stack_b);
    for (unsigned i = 0; i < THREADS; i++)
        make_thread(i, runs[i]);
}

static void draw_hardware(void)
{
    static const char *const rows[] = {"switched to", "link", "EIP",      "ESP",
                                       "EFLAGS",      "CR3",  "busy in B"};
    const struct tss *tss[] = {&main_tss, &task_a, &task_b};
    static const char *const titles[] = {"main 28", "A 30", "B 38"};
    const u32 counts[] = {trips, count_a, count_b};

    box(2, 1, 12, 78, "By hardware: main calls A, A calls B, and IRET goes back");
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        put(5 + (int)i, 3, ON(DIM, PANEL), "%s", rows[i]);
    for (unsigned i = 0; i < 3; i++) {
        int col = 18 + 14 * (int)i;
        const u32 values[] = {tss[i]->link & 0xffff, tss[i]->eip, tss[i]->esp, tss[i]->eflags,
                              tss[i]->cr3};
        put(4, col, ON(GOLD, PANEL), "%s", titles[i]);
        put(5, col, ON(BRIGHT_GREEN, PANEL), "%u", counts[i]);
        for (unsigned v = 0; v < ARRAY_LEN(values); v++)
            put(6 + (int)v, col, ON(TEXT, PANEL), v ? "%08x" : "%04x", values[v]);
        put(11, col, ON(seen.busy[i] ? BRIGHT_RED : TEXT, PANEL), seen.busy[i] ? "busy" : "free");
    }
    put(4, 60, ON(GOLD, PANEL), "seen from B");
    put(6, 60, ON(TEXT, PANEL), "TR %04x", seen.tr);
    put(9, 60, ON(TEXT, PANEL), "NT %u", seen.eflags / EFLAGS_NT & 1);
    put(10, 60, ON(TEXT, PANEL), "CR0.TS %u", seen.cr0 / CR0_TS & 1);
    put(12, 3, ON(DIM, PANEL), "Each TSS holds what its task had when it was left.");
}

static void draw_software(void)
{
    box(14, 1, 8, 78, "By software: the timer takes the CPU from one and gives it to the next");
    put(16, 3, ON(DIM, PANEL), "thread       slices    at number    found       EIP         ESP");
    for (unsigned i = 0; i < THREADS; i++) {
        const struct thread *t = &threads[i];
        int row = 17 + (int)i;
        put(row, 3, ON(GOLD, PANEL), "%s", t->name);
        put(row, 16, ON(BRIGHT_GREEN, PANEL), "%u", t->slices);
        put(row, 26, ON(TEXT, PANEL), "%u", t->at);
        put(row, 39, ON(TEXT, PANEL), "%u", t->found);
        put(row, 51, ON(BRIGHT_CYAN, PANEL), "%08x", t->frame->eip);
        put(row, 63, ON(BRIGHT_CYAN, PANEL), "%08x", (u32)t->frame);
    }
    put(15, 55, ON(DIM, PANEL), "%u switches", switches);
}

static void draw_tasks(void)
{
    round_trip();
    start_burst();
    draw_hardware();
    draw_software();
}

static void tasks_key(int key)
{
    for (unsigned i = 0; key == ' ' && i < 1000; i++)
        round_trip();
}

const struct page tasks_page = {
    .key = '5',
    .name = "Task switches",
    .about = "The CPU's own task switch, with the TSS of each task, and what systems do instead: a "
             "timer interrupt "
             "that returns to another thread's stack.",
    .hints = "Space a thousand round trips  Esc menu",
    .interval = 100,
    .open = open_tasks,
    .draw = draw_tasks,
    .key_pressed = tasks_key,
};
