/* Floating point and vectors: x87, MMX, SSE. */
#include "kernel.h"

static double poly_in[32], poly_out[32];

/* An assembly body over x87 registers; EAX counts. Leaves the stack empty. */
#define X87_KERNEL(fn, name, ops, unit, start, body, end)                                          \
    static u32 fn(u32 reps)                                                                        \
    {                                                                                              \
        static double two = 1.0000001, out;                                                        \
        __asm__ volatile("fninit\n" start "\n .balign 16\n1:\n" body "\n dec %0\n jnz 1b\n" end    \
                         "\n fstpl %1\n fninit"                                                    \
                         : "+r"(reps), "=m"(out)                                                   \
                         : "m"(two)                                                                \
                         : "cc", "memory", "eax", "edx");                                          \
        u64 bits;                                                                                  \
        __builtin_memcpy(&bits, &out, 8);                                                          \
        return (u32)(bits >> 20);                                                                  \
    }                                                                                              \
    KERNEL(fn, name, ops, unit)

X87_KERNEL(x87_add, "x87/fadd", 8, "addition", "fld1\n fldz",
           ".rept 8\n fadd %%st(1), %%st\n .endr", "");
X87_KERNEL(x87_mul, "x87/fmul", 8, "multiplication", "fldl %2\n fld1",
           ".rept 8\n fmul %%st(1), %%st\n .endr\n", "");
X87_KERNEL(x87_div, "x87/fdiv", 4, "division", "fldl %2\n fld1",
           ".rept 4\n fdiv %%st(1), %%st\n .endr", "");
X87_KERNEL(x87_sqrt, "x87/fsqrt", 4, "root", "fldl %2", ".rept 4\n fsqrt\n fadd %%st, %%st\n .endr",
           "");
X87_KERNEL(x87_stack, "x87/fld, fxch, fstp", 8, "instruction", "fld1\n fldz",
           ".rept 2\n fld %%st(1)\n fxch %%st(1)\n fxch %%st(2)\n fstp %%st(1)\n .endr",
           "fxch %%st(1)\n fstp %%st(1)");
X87_KERNEL(x87_compare, "x87/fcom, fnstsw, sahf", 4, "comparison", "fld1\n fldz",
           ".rept 4\n fcom %%st(1)\n fnstsw %%ax\n sahf\n jb 2f\n fadd %%st(1), %%st\n2:\n .endr",
           "");
X87_KERNEL(x87_sin, "x87/fsin", 1, "sine", "fld1", "fld %%st(0)\n fsin\n fstp %%st(0)", "");
X87_KERNEL(x87_atan, "x87/fpatan", 1, "arc tangent", "fld1", "fld1\n fld1\n fpatan\n fstp %%st(0)",
           "");
X87_KERNEL(x87_exp, "x87/f2xm1", 1, "power", "fldl %2\n fld1\n fsubrp",
           "fld %%st(0)\n f2xm1\n fstp %%st(0)", "");
X87_KERNEL(x87_log, "x87/fyl2x", 1, "logarithm", "fld1", "fld1\n fldpi\n fyl2x\n fstp %%st(0)", "");

static u32 x87_poly(u32 reps)
{
    u32 sum = 0;
    for (u32 i = 0; i < 32; i++)
        poly_in[i] = i / 32.0;
    while (reps--) {
        for (u32 i = 0; i < 32; i++) {
            double x = poly_in[i];
            poly_out[i] = (((x * 0.25 + 1.5) * x - 0.75) * x + 2.0) * x + 0.125;
        }
        sum += (u32)(s32)(poly_out[reps % 32] * 1024);
    }
    return sum;
}
KERNEL(x87_poly, "x87/polynomial in memory", 32 * 8, "operation");

static u32 x87_convert(u32 reps)
{
    s32 v = 12345, out = 0;
    while (reps--)
        __asm__ volatile("fildl %1\n fistpl %0" : "=m"(out) : "m"(v));
    return (u32)out;
}
KERNEL(x87_convert, "x87/fild, fistp", 2, "instruction");

static u16 vector_data[256] __attribute__((aligned(16)));

static void fill_vectors(void)
{
    for (u32 i = 0; i < 256; i++)
        vector_data[i] = (u16)(i * 257);
}

static u32 mmx_sum(u32 reps)
{
    u32 out;
    fill_vectors();
    __asm__ volatile("pxor %%mm0, %%mm0\n"
                     "1: mov $512 - 8, %%eax\n"
                     "2: movq %c2(%%eax), %%mm1\n"
                     "movq %%mm1, %%mm2\n"
                     "pmaddwd %%mm1, %%mm1\n"
                     "psrlw $3, %%mm2\n"
                     "paddd %%mm1, %%mm0\n"
                     "paddw %%mm2, %%mm0\n"
                     "sub $8, %%eax\n"
                     "jns 2b\n"
                     "dec %0\n jnz 1b\n"
                     "movd %%mm0, %1\n emms"
                     : "+r"(reps), "=r"(out)
                     : "i"(vector_data)
                     : "eax", "cc", "memory");
    return out;
}
KERNEL(mmx_sum, "mmx/pmaddwd, psrlw, padd", 64 * 4, "operation");

static u32 sse_int(u32 reps)
{
    u32 out;
    fill_vectors();
    __asm__ volatile("pxor %%xmm0, %%xmm0\n"
                     "1: mov $512 - 16, %%eax\n"
                     "2: movdqa %c2(%%eax), %%xmm1\n"
                     "pshufd $0x1b, %%xmm1, %%xmm2\n"
                     "paddd %%xmm1, %%xmm0\n"
                     "pslld $3, %%xmm2\n"
                     "pxor %%xmm2, %%xmm0\n"
                     "sub $16, %%eax\n"
                     "jns 2b\n"
                     "dec %0\n jnz 1b\n"
                     "movd %%xmm0, %1"
                     : "+r"(reps), "=r"(out)
                     : "i"(vector_data)
                     : "eax", "cc", "memory");
    return out;
}
KERNEL(sse_int, "sse/integer", 32 * 4, "operation");

static float float_data[64] __attribute__((aligned(16)));

static void fill_floats(void)
{
    for (u32 i = 0; i < 64; i++)
        float_data[i] = 1.0f + (float)i / 64.0f;
}

static u32 sse_packed(u32 reps)
{
    u32 out;
    fill_floats();
    __asm__ volatile("xorps %%xmm0, %%xmm0\n"
                     "1: mov $256 - 16, %%eax\n xorps %%xmm0, %%xmm0\n"
                     "2: movaps %c2(%%eax), %%xmm1\n"
                     "movaps %%xmm1, %%xmm2\n"
                     "mulps %%xmm1, %%xmm2\n"
                     "addps %%xmm2, %%xmm0\n"
                     "sub $16, %%eax\n"
                     "jns 2b\n"
                     "dec %0\n jnz 1b\n"
                     "movd %%xmm0, %1"
                     : "+r"(reps), "=r"(out)
                     : "i"(float_data)
                     : "eax", "cc", "memory");
    return out;
}
KERNEL(sse_packed, "sse/packed float", 16 * 2, "operation");

static u32 sse_scalar(u32 reps)
{
    static const double start = 1.0, step = 1.000000001;
    u32 out;
    __asm__ volatile("movsd %2, %%xmm0\n movsd %3, %%xmm1\n xorpd %%xmm3, %%xmm3\n"
                     "1: mulsd %%xmm1, %%xmm0\n"
                     "movapd %%xmm0, %%xmm2\n"
                     "addsd %%xmm1, %%xmm2\n"
                     "sqrtsd %%xmm2, %%xmm2\n"
                     "divsd %%xmm1, %%xmm2\n"
                     "addsd %%xmm2, %%xmm3\n"
                     "ucomisd %%xmm2, %%xmm3\n"
                     "dec %0\n jnz 1b\n"
                     "psrlq $20, %%xmm3\n movd %%xmm3, %1"
                     : "+r"(reps), "=r"(out)
                     : "m"(start), "m"(step)
                     : "cc");
    return out;
}
KERNEL(sse_scalar, "sse/scalar double", 6, "operation");

static u32 sse_convert(u32 reps)
{
    u32 out = 7;
    __asm__ volatile(
        "1: cvtsi2sd %1, %%xmm0\n cvtsd2ss %%xmm0, %%xmm1\n cvttss2si %%xmm1, %1\n dec %0\n jnz 1b"
        : "+r"(reps), "+r"(out)
        :
        : "cc");
    return out;
}
KERNEL(sse_convert, "sse/conversions", 3, "operation");
