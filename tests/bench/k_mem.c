/* Loads and stores as a look-up of the TLB sees them, and code that changes or is new. Runs in user
 * mode too. */
#include "kernel.h"
#include "writable.h"

#define PAGE 4096u

static u8 pages[1024 * PAGE] __attribute__((aligned(4096)));

static u32 load_one_page(u32 reps)
{
    u32 sum = 0;
    while (reps--)
        for (u32 i = 0; i < PAGE; i += 64)
            sum += *(volatile u32 *)(pages + i);
    return sum;
}
KERNEL(load_one_page, "memory/load, one page", 64, "load");

static u32 store_one_page(u32 reps)
{
    while (reps--)
        for (u32 i = 0; i < PAGE; i += 64)
            *(volatile u32 *)(pages + i) = i;
    return pages[64];
}
KERNEL(store_one_page, "memory/store, one page", 64, "store");

static u32 load_many_pages(u32 reps)
{
    u32 sum = 0;
    while (reps--)
        for (u32 i = 0; i < 64; i++)
            sum += *(volatile u32 *)(pages + i * PAGE + i * 64);
    return sum;
}
KERNEL(load_many_pages, "memory/load, 64 pages", 64, "load");

static u32 load_all_pages(u32 reps)
{
    u32 sum = 0;
    while (reps--)
        for (u32 i = 0; i < 1024; i++)
            sum += *(volatile u32 *)(pages + (i * 37 & 1023) * PAGE + (i & 63) * 64);
    return sum;
}
KERNEL(load_all_pages, "memory/load, 1024 pages", 1024, "load");

static u32 load_crossing(u32 reps)
{
    u32 sum = 0;
    while (reps--)
        for (u32 i = 1; i <= 16; i++)
            sum += *(volatile u32 *)(pages + i * PAGE - 2);
    return sum;
}
KERNEL(load_crossing, "memory/load over a page boundary", 16, "load");

static u32 read_modify_write(u32 reps)
{
    u32 *p = (u32 *)pages;
    *p = 0;
    while (reps--)
        __asm__ volatile(".rept 8\n incl %0\n .endr" : "+m"(*p));
    return *p;
}
KERNEL(read_modify_write, "memory/inc", 8, "instruction");

static u32 locked(u32 reps)
{
    u32 *p = (u32 *)pages, one = 1;
    *p = 0;
    while (reps--)
        __asm__ volatile(".rept 4\n lock xaddl %1, %0\n lock incl %0\n .endr"
                         : "+m"(*p), "+r"(one));
    return *p;
}
KERNEL(locked, "memory/lock xadd, lock inc", 8, "instruction");

static u32 stack(u32 reps)
{
    u32 a = 1, b = 2;
    while (reps--)
        __asm__ volatile(".rept 4\n push %0\n push %1\n pop %0\n pop %1\n .endr"
                         : "+r"(a), "+r"(b));
    return a;
}
KERNEL(stack, "memory/push, pop", 16, "instruction");

/* -- code that changes -- */

typedef u32 (*code_fn)(u32);

/* mov ecx, [esp + 4]; xor eax, eax; 1: add eax, imm32; mov [1b + 1], ecx; dec ecx; jnz 1b; ret: the
 * addend is rewritten every time round. */
static u32 smc_loop(u32 reps)
{
    u8 *p = WRITABLE_CODE;
    const u8 code[] = {0x8b, 0x4c, 0x24, 4, 0x31, 0xc0, 0x05, 1,    0,    0,   0,
                       0x89, 0x0d, 0,    0, 0,    0,    0x49, 0x75, 0xf2, 0xc3};
    u32 at = (u32)p + 7;
    __builtin_memcpy(p, code, sizeof(code));
    __builtin_memcpy(p + 13, &at, 4);
    return ((code_fn)p)(reps);
}
KERNEL(smc_loop, "smc/loop rewrites its own instruction", 1, "rewrite");

/* The function is patched by its caller before each call. */
static u32 smc_function(u32 reps)
{
    u8 *p = WRITABLE_CODE + PAGE;
    const u8 code[] = {0x8b, 0x44, 0x24, 4, 0x05, 0, 0, 0, 0, 0xc3};
    u32 sum = 0;
    __builtin_memcpy(p, code, sizeof(code));
    for (; reps; reps--) {
        __builtin_memcpy(p + 5, &reps, 4);
        sum = ((code_fn)p)(sum);
    }
    return sum;
}
KERNEL(smc_function, "smc/function patched before each call", 1, "rewrite");

/* A counter in the page of the loop that counts, `away` bytes behind the code's start. */
static u32 count_near(u8 *p, u32 away, u32 reps)
{
    const u8 code[] = {0x8b, 0x4c, 0x24, 4,    0xff, 0x05, 0, 0, 0,   0,
                       0x49, 0x75, 0xf7, 0xa1, 0,    0,    0, 0, 0xc3};
    u32 at = (u32)p + away, zero = 0;
    __builtin_memcpy(p, code, sizeof(code));
    __builtin_memcpy(p + 6, &at, 4);
    __builtin_memcpy(p + 14, &at, 4);
    __builtin_memcpy(p + away, &zero, 4);
    return ((code_fn)p)(reps);
}

static u32 smc_line(u32 reps)
{
    return count_near(WRITABLE_CODE + 2 * PAGE, 32, reps);
}
KERNEL(smc_line, "smc/data in a line of code", 1, "store");

static u32 smc_page(u32 reps)
{
    return count_near(WRITABLE_CODE + 3 * PAGE, 512, reps);
}
KERNEL(smc_page, "smc/data in a page of code", 1, "store");

/* -- code that is new -- */

#define COLD_BYTES (32 * 1024u)
#define COLD_SLOTS (COLD_AREA / COLD_BYTES)
#define COLD_INSNS 8192u

/* Fills COLD_INSNS instructions of common kinds in, with a forward jump every few, as compilers
 * make them; ends with RET. */
static u32 make_cold(u8 *p)
{
    static const struct {
        u8 len, bytes[6];
    } kinds[] = {
        {2, {0x89, 0xc2}},                   /* mov edx, eax */
        {3, {0x8b, 0x44, 0x24}},             /* mov eax, [esp + d8] */
        {3, {0x83, 0xc0, 0x05}},             /* add eax, 5 */
        {3, {0x8d, 0x54, 0x10}},             /* lea edx, [eax + edx + d8] */
        {2, {0x01, 0xd0}},                   /* add eax, edx */
        {3, {0xc1, 0xe0, 0x03}},             /* shl eax, 3 */
        {3, {0x0f, 0xb6, 0xd0}},             /* movzx edx, al */
        {2, {0x31, 0xd0}},                   /* xor eax, edx */
        {5, {0xba, 0x11, 0x22, 0x33, 0x04}}, /* mov edx, imm */
        {3, {0x83, 0xfa, 0x09}},             /* cmp edx, 9: a JNE over the next byte follows */
        {2, {0x85, 0xc0}},                   /* test eax, eax: likewise */
        {3, {0x0f, 0xaf, 0xc2}},             /* imul eax, edx */
    };
    u32 seed = 5, n = 0;
    u8 *start = p;
    *p++ = 0x31; /* xor edx, edx */
    *p++ = 0xd2;
    n++;
    while (n < COLD_INSNS - 1) {
        seed = seed * 1103515245u + 12345u;
        u32 k = (seed >> 16) % (sizeof(kinds) / sizeof(kinds[0]));
        for (u32 i = 0; i < kinds[k].len; i++)
            *p++ = kinds[k].bytes[i];
        n++;
        if (k == 1 || k == 3)
            *p++ = 4;
        if (k == 9 || k == 10) {
            *p++ = 0x75;
            *p++ = 1;
            *p++ = 0x40; /* inc eax */
            n += 2;
        }
    }
    *p++ = 0xc3;
    return (u32)(p - start);
}

/* Each repetition copies the code to a place where it has not run for long, and runs it once. */
static u32 cold_code(u32 reps)
{
    static u8 made[COLD_BYTES];
    static u32 size, slot;
    u32 sum = 0;
    if (!size)
        size = make_cold(made);
    while (reps--) {
        u8 *p = COLD_CODE + slot++ % COLD_SLOTS * COLD_BYTES, *d = p;
        const u8 *s = made;
        u32 n = (size + 3) / 4;
        __asm__ volatile("rep movsl" : "+S"(s), "+D"(d), "+c"(n) : : "memory");
        sum ^= ((code_fn)p)(reps);
    }
    return sum;
}
KERNEL(cold_code, "translation/cold code", COLD_INSNS, "instruction");
