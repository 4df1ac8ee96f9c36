/* The ways into a trial on the host's CPU and back, as far as they are the same for all code: what
 * host.c of either oracle makes its assembly of. For x86-64 hosts under Linux. */
#ifndef TESTS_ORACLE_WAYS_H
#define TESTS_ORACLE_WAYS_H

#include "base/types.h"

#include <cpuid.h>
#include <signal.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

/* The stub's copy, that trials return to, with its constants behind it. */
#define STUB 0x5e3a1000
/* The page that state passes through. Its upper half is STACK16_HIGH: IRETQ to a 16-bit stack
 * leaves the upper half of RSP. */
#define IO 0x6b7df000

static u64 host_rsp __attribute__((used));    /* while a trial runs: the stack pointer */
static u32 host_active __attribute__((used)); /* a trial runs */

void host_enter(void);
void host_back(void);
void host_stub(void);
void host_stub_end(void);
void host_on_signal(void);

/* Takes the result from the signal's frame; 0: it was not a trial that faulted. */
__attribute__((used)) int host_signal(int sig, siginfo_t *info, void *context);

#define STR_(x) #x
#define STR(x)  STR_(x)
#define AT(off) STR(IO) "+" off

/* clang-format off */
#define HOST_ENTER                                                                                 \
    "host_enter:\n"                                                                                \
    "  push %rbx\n  push %rbp\n  push %r12\n  push %r13\n  push %r14\n  push %r15\n"               \
    "  mov %rsp, host_rsp(%rip)\n"
#define HOST_TELL                                                                                  \
    "  sub $8, %rsp\n"                                                                             \
    "  call host_signal\n"                                                                         \
    "  add $8, %rsp\n"                                                                             \
    "  test %eax, %eax\n"                                                                          \
    "  jnz host_back\n"                                                                            \
    "  ret\n"
#define HOST_BACK                                                                                  \
    "host_back:\n"                                                                                 \
    "  mov host_rsp(%rip), %rsp\n"                                                                 \
    "  pop %r15\n  pop %r14\n  pop %r13\n  pop %r12\n  pop %rbp\n  pop %rbx\n"                     \
    "  ret\n"
/* clang-format on */

/* Processes may read and set the FS base. */
static inline bool host_sets_bases(void)
{
    return getauxval(AT_HWCAP2) & 2;
}

static inline bool host_is_intel(void)
{
    unsigned a, b = 0, c, d;

    return __get_cpuid(0, &a, &b, &c, &d) && b == 0x756e6547; /* "Genu" */
}

static inline bool host_map(u64 at, size_t len, int prot, int flags, int fd, u64 off)
{
    void *want = (void *)(uintptr_t)at;

    return mmap(want, len, prot, flags | MAP_FIXED_NOREPLACE, fd, (off_t)off) == want;
}

/* The pages of STUB, with its code, and IO; what else the stub wants is written before
 * host_seal(). */
static inline bool host_map_ways(void)
{
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS, rw = PROT_READ | PROT_WRITE;
    size_t len = (size_t)((uintptr_t)host_stub_end - (uintptr_t)host_stub);

    if (!host_map(STUB, PAGE_SIZE, rw, flags, -1, 0) || !host_map(IO, PAGE_SIZE, rw, flags, -1, 0))
        return false;
    memcpy((void *)(uintptr_t)STUB, (const void *)(uintptr_t)host_stub, len);
    return true;
}

static inline bool host_seal(void)
{
    return !mprotect((void *)(uintptr_t)STUB, PAGE_SIZE, PROT_READ | PROT_EXEC);
}

/* On the alternate stack, which is there already. */
static inline void host_catch(int sig)
{
    struct sigaction sa = {.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};

    sa.sa_sigaction = (void (*)(int, siginfo_t *, void *))host_on_signal;
    sigaction(sig, &sa, NULL);
}

/* What trials end with comes to host_signal() from now on. */
static inline void host_catch_faults(void *stack, size_t size)
{
    static const int signals[] = {SIGSEGV, SIGILL, SIGFPE, SIGTRAP, SIGBUS};
    stack_t ss = {.ss_sp = stack, .ss_size = size};

    sigaltstack(&ss, NULL);
    for (unsigned i = 0; i < ARRAY_LEN(signals); i++)
        host_catch(signals[i]);
}

#endif
