/* Runs a trial on the host's CPU: enters 32-bit code by IRETQ with the user code segment for 32-bit
 * processes (0x23 on Linux) and comes back through the signal that every trial ends with, on an
 * alternate stack. */
#define _GNU_SOURCE
#include "tests/oracle/oracle.h"

#include <stdio.h>
#include <string.h>

#if defined(__x86_64__) && defined(__linux__)

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>

#define USER32_CS 0x23
#define USER_DS   0x2b
#define FLAGS_IN  0xcd5u /* what a trial may set: CF PF AF ZF SF DF OF */

static struct {
    u8 *arena;
    u8 signal_stack[65536];
    u64 saved_rsp;
    struct trial_state *out;
    u32 regs[8];
} host;

/* Enters 32-bit code with the registers in host.regs; returns when the signal handler has jumped to
 * host_back. */
void host_enter(const u32 *regs, u32 eip, u32 eflags, u64 *saved_rsp);
void host_back(void);

__asm__(".text\n"
        "host_enter:\n"
        "  push %rbx\n push %rbp\n push %r12\n push %r13\n push %r14\n push %r15\n"
        "  mov %rsp, (%rcx)\n"
        "  mov $0x2b, %eax\n mov %eax, %ds\n mov %eax, %es\n"
        "  push $0x2b\n"
        "  mov 16(%rdi), %eax\n push %rax\n" /* ESP */
        "  mov %edx, %eax\n push %rax\n"     /* EFLAGS */
        "  push $0x23\n"
        "  mov %esi, %eax\n push %rax\n" /* EIP */
        "  mov 0(%rdi), %eax\n mov 4(%rdi), %ecx\n mov 8(%rdi), %edx\n mov 12(%rdi), %ebx\n"
        "  mov 20(%rdi), %ebp\n mov 24(%rdi), %esi\n mov 28(%rdi), %edi\n"
        "  iretq\n"
        "host_back:\n"
        "  xor %eax, %eax\n mov %eax, %ds\n mov %eax, %es\n"
        "  pop %r15\n pop %r14\n pop %r13\n pop %r12\n pop %rbp\n pop %rbx\n"
        "  cld\n"
        "  ret\n");

static void on_signal(int sig, siginfo_t *info, void *context)
{
    static const int order[8] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX,
                                 REG_RSP, REG_RBP, REG_RSI, REG_RDI};
    ucontext_t *uc = context;
    greg_t *r = uc->uc_mcontext.gregs;
    struct trial_state *out = host.out;
    (void)info;
    if ((u16)r[REG_CSGSFS] != USER32_CS) { /* a bug of ours, not a trial's end */
        signal(sig, SIG_DFL);
        return;
    }
    for (unsigned i = 0; i < 8; i++)
        out->gpr[i] = (u32)r[order[i]];
    out->eip = (u32)r[REG_RIP];
    out->eflags = (u32)r[REG_EFL];
    out->vector = (u32)r[REG_TRAPNO];
    out->error = (u32)r[REG_ERR];
    memcpy(out->fx, uc->uc_mcontext.fpregs, sizeof(out->fx));
    uc->uc_mcontext.fpregs->cwd = 0x37f; /* the rest of this program runs with the usual state */
    uc->uc_mcontext.fpregs->swd = 0;
    uc->uc_mcontext.fpregs->ftw = 0;
    uc->uc_mcontext.fpregs->mxcsr = 0x1f80;
    r[REG_RIP] = (greg_t)(uintptr_t)host_back;
    r[REG_RSP] = (greg_t)host.saved_rsp;
    r[REG_EFL] = 0x202;
    u64 cs_ss = (u64)r[REG_CSGSFS];
    cs_ss = (cs_ss & ~0xffffull) | 0x33;
    cs_ss = (cs_ss & 0x0000ffffffffffffull) | (u64)USER_DS << 48;
    r[REG_CSGSFS] = (greg_t)cs_ss;
}

bool host_start(char *why, size_t size)
{
    host.arena = mmap((void *)(uintptr_t)ARENA_BASE, ARENA_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (host.arena != (void *)(uintptr_t)ARENA_BASE) {
        snprintf(why, size, "the arena's address is taken");
        return false;
    }
    memset(host.arena, 0xf4, PAGE_SIZE);
    stack_t ss = {.ss_sp = host.signal_stack, .ss_size = sizeof(host.signal_stack)};
    sigaltstack(&ss, NULL);
    struct sigaction sa = {.sa_sigaction = on_signal,
                           .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    static const int signals[] = {SIGSEGV, SIGILL, SIGFPE, SIGTRAP, SIGBUS};
    for (unsigned i = 0; i < ARRAY_LEN(signals); i++)
        sigaction(signals[i], &sa, NULL);
    return true;
}

void host_run(const struct trial *t, struct trial_state *out)
{
    u8 *code = host.arena + (CODE_AT - ARENA_BASE);
    u8 *data = host.arena + (DATA_BASE - ARENA_BASE);
    memcpy(data, t->in.data, DATA_SIZE);
    memcpy(code, t->bytes, t->len);
    memset(code + t->len, 0xf4, 16);
    host.out = out;
    memcpy(host.regs, t->in.gpr, sizeof(host.regs));
    __asm__ volatile("fxrstor %0" ::"m"(t->in.fx));
    host_enter(host.regs, CODE_AT, 0x202 | (t->in.eflags & FLAGS_IN), &host.saved_rsp);
    memcpy(out->data, data, DATA_SIZE);
    memset(code, 0xf4, 16);
}

void host_stop(void)
{
    munmap(host.arena, ARENA_SIZE);
}

#else

bool host_start(char *why, size_t size)
{
    snprintf(why, size, "the host is not an x86 under Linux");
    return false;
}
void host_run(const struct trial *t, struct trial_state *out)
{
    (void)t;
    (void)out;
}
void host_stop(void)
{
}

#endif
