/* Control flow and flags: jumps, calls, the jump cache, and flags that live on. */
#include "kernel.h"

ASM_KERNEL(jump_direct, "flow/jmp", 8, "jump",
           ".rept 8\n jmp 2f\n .skip 8, 0x90\n2: inc %%eax\n .endr");
ASM_KERNEL(
    jump_page, "flow/jmp to another page", 2, "jump",
    "jmp 2f\n .balign 4096\n .skip 64\n2: inc %%eax\n jmp 3f\n .balign 4096\n .skip 128\n3:");
ASM_KERNEL(cond_taken, "flow/jcc taken", 8, "jump",
           "test %%ecx, %%ecx\n .rept 8\n jnz 2f\n inc %%eax\n2:\n .endr");
ASM_KERNEL(cond_not, "flow/jcc not taken", 8, "jump",
           "test %%ecx, %%ecx\n .rept 8\n jz 2f\n inc %%eax\n2:\n .endr");
ASM_KERNEL(
    cond_random, "flow/jcc at random", 8, "jump",
    "imul $1103515245, %%eax\n add $12345, %%eax\n .irp bit, 31, 30, 29, 28, 27, 26, 25, 24\n"
    "bt $\\bit, %%eax\n jc 2f\n add $3, %%edx\n2:\n .endr");
ASM_KERNEL(cond_back, "flow/loop of two instructions", 64, "round",
           "mov $64, %%edx\n2: dec %%edx\n jnz 2b\n inc %%eax");
ASM_KERNEL(loop_insn, "flow/LOOP", 64, "round",
           "mov %%ecx, %%edx\n mov $64, %%ecx\n2: inc %%eax\n loop 2b\n mov %%edx, %%ecx");

#define TARGETS 8
static u32 jump_indirect(u32 reps)
{
    static const void *const table[TARGETS] = {&&t0, &&t1, &&t2, &&t3, &&t4, &&t5, &&t6, &&t7};
    u32 sum = 1, i = 0, n = reps * TARGETS;
#define NEXT                                                                                       \
    if (!--n)                                                                                      \
        return sum;                                                                                \
    i = (i * 5 + 3) & 7;                                                                           \
    goto *table[i];
    n++;
    NEXT t0 : sum += 1;
    NEXT t1 : sum ^= 3;
    NEXT t2 : sum += 5;
    NEXT t3 : sum ^= 9;
    NEXT t4 : sum += 11;
    NEXT t5 : sum ^= 15;
    NEXT t6 : sum += 17;
    NEXT t7 : sum ^= 19;
    NEXT
#undef NEXT
}
KERNEL(jump_indirect, "flow/jmp indirect", TARGETS, "jump");

static NOINLINE u32 leaf(u32 x)
{
    HIDE(x);
    return x + 3;
}

static NOINLINE __attribute__((aligned(4096))) u32 leaf_page(u32 x)
{
    HIDE(x);
    return x ^ 5;
}

static NOINLINE __attribute__((aligned(4096))) u32 call_near(u32 reps)
{
    u32 sum = 0;
    while (reps--)
        sum = leaf(leaf(leaf(leaf(sum))));
    return sum;
}
KERNEL(call_near, "flow/call, ret", 4, "call");

static NOINLINE __attribute__((aligned(4096))) u32 call_page(u32 reps)
{
    u32 sum = 0;
    while (reps--)
        sum = leaf_page(leaf_page(leaf_page(leaf_page(sum))));
    return sum;
}
KERNEL(call_page, "flow/call, ret between pages", 4, "call");

ASM_KERNEL(call_same, "flow/call, ret in one page", 4, "call",
           "call 2f\n call 2f\n call 2f\n call 2f\n jmp 3f\n2: inc %%eax\n ret\n3:");

static NOINLINE u32 fibonacci(u32 n)
{
    return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

static u32 call_recursion(u32 reps)
{
    u32 sum = 0, n = 10;
    while (reps--) {
        HIDE(n);
        sum += fibonacci(n);
    }
    return sum;
}
KERNEL(call_recursion, "flow/recursion (fibonacci 10)", 177, "call");

static NOINLINE u32 leaf2(u32 x)
{
    return x ^ 0x55;
}
static NOINLINE u32 leaf3(u32 x)
{
    return x * 5;
}
static NOINLINE u32 leaf4(u32 x)
{
    return x >> 1;
}

static u32 call_indirect(u32 reps)
{
    static u32 (*volatile const table[4])(u32) = {leaf, leaf2, leaf3, leaf4};
    u32 sum = 0;
    while (reps--)
        for (u32 i = 0; i < 4; i++)
            sum = table[i](sum);
    return sum;
}
KERNEL(call_indirect, "flow/call indirect", 4, "call");

ASM_KERNEL(
    flags_adc, "flags/add, adc chain", 8, "addition",
    "xor %%edx, %%edx\n mov %%ecx, %%esi\n add %%ecx, %%eax\n .rept 7\n adc %%eax, %%edx\n .endr\n"
    "xor %%edx, %%eax");

/* A long addition: CF lives through DEC and the jump. */
static u32 bignum_a[16], bignum_b[16];
static u32 flags_bignum(u32 reps)
{
    for (u32 i = 0; i < 16; i++)
        bignum_b[i] = i * 0x9e3779b9u;
    while (reps--) {
        u32 n = 16, a = 0, t;
        __asm__ volatile("clc\n"
                         "1: mov %c[src](,%[a],4), %[t]\n"
                         "adc %[t], %c[dst](,%[a],4)\n"
                         "inc %[a]\n"
                         "dec %[n]\n"
                         "jnz 1b"
                         : [n] "+r"(n), [a] "+r"(a), [t] "=&r"(t)
                         : [src] "i"(bignum_b), [dst] "i"(bignum_a)
                         : "cc", "memory");
    }
    return bignum_a[3] ^ bignum_a[15];
}
KERNEL(flags_bignum, "flags/adc in a loop", 16, "word");

ASM_KERNEL(
    flags_across, "flags/live across a jump", 4, "comparison",
    ".rept 4\n cmp %%ecx, %%eax\n jmp 2f\n nop\n2: jb 3f\n inc %%eax\n3: sbb %%edx, %%edx\n .endr\n"
    "add %%edx, %%eax");
ASM_KERNEL(
    flags_setcc, "flags/setcc, cmov", 8, "instruction",
    ".rept 4\n cmp %%ecx, %%eax\n setb %%dl\n cmp %%edx, %%eax\n cmovl %%ecx, %%edi\n .endr\n"
    "movzx %%dl, %%edx\n add %%edx, %%eax");
ASM_KERNEL(flags_rotate, "flags/rcl, rcr", 8, "rotation",
           ".rept 4\n rcl $1, %%eax\n rcr $1, %%edx\n .endr\n and $0xff, %%eax");
ASM_KERNEL(
    flags_shift, "flags/shl, shr by CL", 8, "shift",
    "mov %%ecx, %%edi\n .rept 4\n shl %%cl, %%eax\n or $1, %%eax\n shr %%cl, %%eax\n .endr\n");
ASM_KERNEL(flags_pushf, "flags/pushf, popf", 2, "instruction",
           "cmp %%ecx, %%eax\n pushf\n popf\n adc $1, %%eax");
ASM_KERNEL(flags_lahf, "flags/lahf, sahf", 2, "instruction",
           "cmp %%ecx, %%edx\n lahf\n sahf\n adc $1, %%edx");
