/* The runtime of the native program: a 32-bit Linux process without a C library. */
#include "runtime.h"

enum { SYS_EXIT = 1, SYS_READ = 3, SYS_WRITE = 4 };

static s32 system_call(u32 number, u32 a, void *b, u32 c)
{
    s32 r;
    __asm__ volatile("int $0x80" : "=a"(r) : "0"(number), "b"(a), "c"(b), "d"(c) : "memory");
    return r;
}

int runtime_get(void)
{
    u8 c;
    return system_call(SYS_READ, 0, &c, 1) == 1 ? c : -1;
}

void runtime_put(char c)
{
    static char line[256];
    static u32 len;
    line[len++] = c;
    if (c == '\n' || len == sizeof(line)) {
        system_call(SYS_WRITE, 1, line, len);
        len = 0;
    }
}

u64 runtime_stamp(void)
{
    return __builtin_ia32_rdtsc();
}

int runtime_extra(u32 index, struct extra_kernel *out)
{
    (void)index;
    (void)out;
    return 0;
}

u32 runtime_run_extra(u32 index, u32 reps)
{
    (void)index;
    return reps;
}

__attribute__((used)) static void start(void)
{
    command_loop();
    system_call(SYS_EXIT, 0, 0, 0);
}

__asm__(".globl _start\n_start: and $-16, %esp\n call start");
