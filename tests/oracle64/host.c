/* Runs a trial on the host's CPU: all registers are loaded, the code is jumped to, and it comes
 * back by a jump to a stub in low memory or through the signal of its fault, on an alternate stack.
 * State passes through a page at a fixed low address that all code can reach absolutely. A trial
 * may leave anything in any register; both ways back are assembly that puts the thread's own state
 * back first. */
#define _GNU_SOURCE
#include "tests/oracle64/oracle64.h"

#include <string.h>

#if defined(__x86_64__) && defined(__linux__) && !defined(__SANITIZE_ADDRESS__)

#include <ucontext.h>
#include <unistd.h>

#include "tests/oracle/ways.h"

/* At IO. The offsets are in the assembly below. */
struct host_io {
    u64 gpr[16];           /* 0x00: in and out */
    u64 rip, rflags;       /* 0x80 */
    u64 fs, gs;            /* 0x90 */
    u64 own_fs, back;      /* 0xa0 */
    u64 own_mxcsr, own_gs; /* 0xb0 */
    u64 stack[8];          /* 0xc0: the stub's, up to 0x100 */
    u8 fx[512];            /* 0x100 */
};
#define io ((struct host_io *)IO)

static struct {
    u8 *arena; /* writable */
    u8 signal_stack[65536];
    u32 vector, error;
    u64 cr2;
} host;

/* clang-format off */
#define OWN_BASES                                                                                  \
    "  mov " AT("0xa0") ", %rax\n  wrfsbase %rax\n"                                                \
    "  mov " AT("0xb8") ", %rax\n  wrgsbase %rax\n"
#define EACH(op)                                                                                   \
    op("rcx", "0x08") op("rdx", "0x10") op("rbx", "0x18") op("rsp", "0x20") op("rbp", "0x28")      \
    op("rsi", "0x30") op("rdi", "0x38") op("r8", "0x40") op("r9", "0x48") op("r10", "0x50")        \
    op("r11", "0x58") op("r12", "0x60") op("r13", "0x68") op("r14", "0x70") op("r15", "0x78")
#define LOAD(reg, off) "  mov " AT(off) ", %" reg "\n"
#define SAVE(reg, off) "  mov %" reg ", " AT(off) "\n"

__asm__(".text\n"
        HOST_ENTER
        "  fxrstor64 " AT("0x100") "\n"
        "  movl $1, host_active(%rip)\n"
        "  mov " AT("0x90") ", %rax\n  wrfsbase %rax\n"
        "  mov " AT("0x98") ", %rax\n  wrgsbase %rax\n"
        "  mov $" STR(IO) "+0x100, %esp\n"
        "  push " AT("0x88") "\n  popfq\n"
        LOAD("rax", "0x00") EACH(LOAD)
        "  jmp *" AT("0x80") "\n"
        "host_stub:\n"
        SAVE("rax", "0x00") EACH(SAVE)
        "  mov $" STR(IO) "+0x100, %esp\n"
        "  pushfq\n  pop " AT("0x88") "\n"
        "  push $0x202\n  popfq\n"
        OWN_BASES
        "  fxsave64 " AT("0x100") "\n"
        "  ldmxcsr " AT("0xb0") "\n"
        "  jmp *" AT("0xa8") "\n"
        "host_stub_end:\n"
        "host_on_signal:\n"
        "  push $0x202\n  popfq\n" /* AC is still the trial's */
        OWN_BASES
        HOST_TELL
        HOST_BACK);
/* clang-format on */

int host_signal(int sig, siginfo_t *info, void *context)
{
    static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                  REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                  REG_R12, REG_R13, REG_R14, REG_R15};
    const ucontext_t *uc = context;
    const greg_t *r = uc->uc_mcontext.gregs;

    (void)info;
    if (!host_active) {
        signal(sig, SIG_DFL);
        return 0;
    }
    for (unsigned i = 0; i < 16; i++)
        io->gpr[i] = (u64)r[order[i]];
    io->rip = (u64)r[REG_RIP];
    io->rflags = (u64)r[REG_EFL];
    host.vector = (u32)r[REG_TRAPNO];
    host.error = (u32)r[REG_ERR];
    host.cr2 = (u64)r[REG_CR2];
    memcpy(io->fx, uc->uc_mcontext.fpregs, sizeof(io->fx));
    return 1;
}

static bool map_arena(void)
{
    static const int prot[ARENA_PAGES] = {PROT_READ | PROT_EXEC, 0, PROT_READ | PROT_WRITE,
                                          PROT_READ | PROT_WRITE, PROT_READ};
    int fd = memfd_create("oracle64", 0);

    if (fd < 0 || ftruncate(fd, ARENA_PAGES * PAGE_SIZE) < 0)
        return false;
    for (unsigned i = 0; i < ARENA_PAGES; i++) {
        u64 off = i * PAGE_SIZE;
        if (prot[i] &&
            (!host_map(ARENA_LOW + off, PAGE_SIZE, prot[i], MAP_SHARED | MAP_POPULATE, fd, off) ||
             !host_map(ARENA_HIGH + off, PAGE_SIZE, prot[i], MAP_SHARED | MAP_POPULATE, fd, off)))
            return false;
    }
    host.arena = mmap(NULL, ARENA_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (host.arena == MAP_FAILED)
        return false;
    memset(host.arena + CODE_PAGE * PAGE_SIZE, 0xf4, PAGE_SIZE);
    memcpy(host.arena + DATA_PAGE * PAGE_SIZE, background(), DATA_SIZE + PAGE_SIZE);
    return true;
}

static bool map_annex(void)
{
    if (!host_map_ways())
        return false;
    __asm__ volatile("rdfsbase %0" : "=r"(io->own_fs));
    __asm__ volatile("rdgsbase %0" : "=r"(io->own_gs));
    io->back = (u64)(uintptr_t)host_back;
    io->own_mxcsr = 0x1f80;
    __asm__ volatile("fxsave64 (%0)" : : "r"(io->fx) : "memory");
    return host_seal();
}

bool host_start(const char **why)
{
    *why = "not a processor by Intel";
    if (!host_is_intel())
        return false;
    *why = "the host does not let processes set the FS base";
    if (!host_sets_bases())
        return false;
    *why = "the arena's addresses are taken";
    if (!map_arena() || !map_annex())
        return false;
    host_catch_faults(host.signal_stack, sizeof(host.signal_stack));
    return true;
}

const u8 *host_data(void)
{
    return host.arena + DATA_PAGE * PAGE_SIZE;
}

bool host_run(const struct trial *t, struct state *out)
{
    static const u8 jump[] = {
        0xff,       0x25, 0, 0, 0, 0, STUB & 0xff, STUB >> 8 & 0xff, STUB >> 16 & 0xff,
        STUB >> 24, 0,    0, 0, 0};
    u8 *code = host.arena + CODE_PAGE * PAGE_SIZE + (t->in.rip & PAGE_MASK);

    trial_fill(t, host.arena + DATA_PAGE * PAGE_SIZE);
    memcpy(code, t->code, t->len);
    if (!t->hlt)
        memcpy(code + t->len, jump, sizeof(jump));
    memcpy(io->gpr, t->in.gpr, sizeof(io->gpr));
    memcpy(io->fx + 160, t->in.xmm, sizeof(t->in.xmm));
    memcpy(io->fx + 24, &t->in.mxcsr, 4);
    io->rip = t->in.rip;
    io->rflags = t->in.rflags;
    io->fs = t->fs;
    io->gs = t->gs;
    host.vector = NO_FAULT;
    host_enter();
    host_active = 0;
    memset(code, 0xf4, t->len + sizeof(jump));
    memcpy(out->gpr, io->gpr, sizeof(out->gpr));
    memcpy(out->xmm, io->fx + 160, sizeof(out->xmm));
    memcpy(&out->mxcsr, io->fx + 24, 4);
    out->rflags = io->rflags;
    if (host.vector == NO_FAULT) { /* by the jump: as the HLT would fault */
        *out = (struct state){
            .rip = t->in.rip + t->len, .vector = 13, .rflags = io->rflags, .mxcsr = out->mxcsr};
        memcpy(out->gpr, io->gpr, sizeof(out->gpr));
        memcpy(out->xmm, io->fx + 160, sizeof(out->xmm));
        return true;
    }
    out->rip = io->rip;
    out->vector = host.vector;
    out->error = host.error;
    out->cr2 = host.vector == 14 ? host.cr2 : 0;
    /* not into what is the oracle's own, and no trap by flags that it has popped */
    return out->rip - STUB >= PAGE_SIZE && out->rip - IO >= PAGE_SIZE && out->vector != 1;
}

#else

bool host_start(const char **why)
{
    *why = "the host is not an x86-64 under Linux, or there is a sanitizer";
    return false;
}

bool host_run(const struct trial *t, struct state *out)
{
    (void)t;
    (void)out;
    return false;
}

const u8 *host_data(void)
{
    return NULL;
}

#endif
