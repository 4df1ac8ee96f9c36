/* Runs a trial on the host's CPU: loads segments, enters the trial's code segment by IRETQ, and
 * comes back by a far jump to a stub in low memory, or, after a fault, through the signal on an
 * alternate stack. The trial may leave anything in any register, FS included, so both ways back are
 * assembly that puts the thread's own state back first.
 *
 * State passes through a page at a fixed low address (IO) that all code can reach absolutely;
 * code is written through a second mapping, as the trial cannot write it. */
#define _GNU_SOURCE
#include "tests/oracle/oracle.h"

#include <stdio.h>
#include <string.h>

#if defined(__x86_64__) && defined(__linux__)

#include <asm/ldt.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include "cpu/flags.h"
#include "tests/oracle/ways.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED
#endif
#endif

/* What the stub needs, behind it, where no trial can write. The offsets are in the assembly below.
 */
#define CONST 0x5e3a1800
struct host_const {
    u64 fs_base; /* 0x00 */
    u64 back;    /* 0x08: host_back */
    u32 mxcsr;   /* 0x10 */
};

/* At IO; a trial that writes there spoils its own result only. */
struct host_io {
    u64 pad0[4];
    u64 iret[5]; /* 0x20: RIP CS RFLAGS RSP SS */
    u64 pad;     /* 0x48 */
    u32 gpr[8];  /* 0x50: in and out */
    u32 seg[6];  /* 0x70: in and out, ES CS SS DS FS GS */
    u32 eflags;  /* 0x88: out */
    u32 pad2[5];
    u64 stack[8];                /* 0xa0: the stub's */
    u32 vector, error, cr2, eip; /* 0xe0: out */
    u32 pad3[4];
    u8 fx[512]; /* 0x100 */
};
#define io ((struct host_io *)IO)

static struct {
    u8 *arena;
    u8 *code; /* the code page, writable */
    u8 signal_stack[65536];
    bool stopped; /* the trial, by the timer */
} host;

#define CONST_AT(off) STR(CONST) "+" off

/* clang-format off */
/* The thread's FS base and flat or null segments again; changes RAX only. */
#define OWN_SEGMENTS                                                                               \
    "  mov " CONST_AT("0") ", %rax\n  wrfsbase %rax\n"                                                \
    "  xor %eax, %eax\n  mov %eax, %ds\n  mov %eax, %es\n"
#define SAVE_SEGMENTS                                                                              \
    "  mov %es, %eax\n  mov %eax, " AT("0x70") "\n  mov %ds, %eax\n  mov %eax, " AT("0x7c") "\n"   \
    "  mov %fs, %eax\n  mov %eax, " AT("0x80") "\n  mov %gs, %eax\n  mov %eax, " AT("0x84") "\n"

__asm__(".text\n"
        HOST_ENTER
        "  movl $1, host_active(%rip)\n" /* from here on the timer finds the way back */
        "  fxrstor " AT("0x100") "\n"
        "  mov " AT("0x70") ", %eax\n  mov %eax, %es\n"
        "  mov " AT("0x7c") ", %eax\n  mov %eax, %ds\n"
        "  mov " AT("0x80") ", %eax\n  mov %eax, %fs\n"
        "  mov " AT("0x84") ", %eax\n  mov %eax, %gs\n"
        "  mov $" STR(IO) "+0x20, %esp\n"
        "  mov " AT("0x50") ", %eax\n  mov " AT("0x54") ", %ecx\n"
        "  mov " AT("0x58") ", %edx\n  mov " AT("0x5c") ", %ebx\n"
        "  mov " AT("0x64") ", %ebp\n  mov " AT("0x68") ", %esi\n  mov " AT("0x6c") ", %edi\n"
        "  iretq\n"
        /* the far jump behind the code leads to the copy of this at STUB */
        "host_stub:\n"
        "  mov %eax, " AT("0x50") "\n  mov %ecx, " AT("0x54") "\n"
        "  mov %edx, " AT("0x58") "\n  mov %ebx, " AT("0x5c") "\n"
        "  mov %esp, " AT("0x60") "\n  mov %ebp, " AT("0x64") "\n"
        "  mov %esi, " AT("0x68") "\n  mov %edi, " AT("0x6c") "\n"
        "  mov $" STR(IO) "+0xe0, %esp\n"
        "  pushfq\n  pop %rax\n  mov %eax, " AT("0x88") "\n"
        "  push $0x202\n  popfq\n"
        SAVE_SEGMENTS
        "  mov %ss, %eax\n  mov %eax, " AT("0x78") "\n"
        OWN_SEGMENTS
        "  mov $0x2b, %eax\n  mov %eax, %ss\n"
        "  fxsave " AT("0x100") "\n"
        "  fninit\n"
        "  ldmxcsr " CONST_AT("0x10") "\n"
        "  jmp *" CONST_AT("8") "\n"
        "host_stub_end:\n"
        "host_on_signal:\n"
        "  push $0x202\n  popfq\n" /* AC is still the trial's */
        "  cmpl $0, host_active(%rip)\n  je 1f\n" /* the timer, between trials */
        SAVE_SEGMENTS
        "1:\n"
        OWN_SEGMENTS
        HOST_TELL
        HOST_BACK);
/* clang-format on */

__attribute__((no_sanitize("address"))) int host_signal(int sig, siginfo_t *info, void *context)
{
    static const int order[8] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX,
                                 REG_RSP, REG_RBP, REG_RSI, REG_RDI};
    ucontext_t *uc = context;
    const greg_t *r = uc->uc_mcontext.gregs;
    (void)info;
    if (!host_active) {
        if (sig != SIGPROF)
            signal(sig, SIG_DFL);
        return 0;
    }
    host.stopped = sig == SIGPROF;
    for (unsigned i = 0; i < 8; i++)
        io->gpr[i] = (u32)r[order[i]];
    io->eip = (u32)r[REG_RIP];
    io->eflags = (u32)r[REG_EFL];
    io->vector = (u32)r[REG_TRAPNO];
    io->error = (u32)r[REG_ERR];
    io->cr2 = (u32)r[REG_CR2];
    io->seg[SEG_CS] = (u16)r[REG_CSGSFS];
    io->seg[SEG_SS] = (u16)((u64)r[REG_CSGSFS] >> 48);
    memcpy(io->fx, uc->uc_mcontext.fpregs, sizeof(io->fx));
    return 1;
}

static bool map_arena(void)
{
    int fd = memfd_create("oracle", 0);
    if (fd < 0 || ftruncate(fd, ARENA_PAGES * PAGE_SIZE) < 0)
        return false;
    host.arena = (u8 *)(uintptr_t)ARENA_BASE;
    for (unsigned i = 0; i < ARENA_PAGES; i++) {
        static const int prot[] = {[PAGE_CODE] = PROT_READ | PROT_EXEC,
                                   [PAGE_RW] = PROT_READ | PROT_WRITE,
                                   [PAGE_RO] = PROT_READ};
        if (arena_map[i] != PAGE_NONE &&
            !host_map(ARENA_BASE + i * PAGE_SIZE, PAGE_SIZE, prot[arena_map[i]],
                      MAP_SHARED | MAP_POPULATE, fd, i * PAGE_SIZE))
            return false;
    }
    u8 *all = mmap(NULL, ARENA_PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (all == MAP_FAILED)
        return false;
    host.code = all + (CODE_PAGE - ARENA_BASE);
    memset(host.code, 0xf4, PAGE_SIZE);
    memcpy(all + (DATA_RO - ARENA_BASE), background() + (DATA_RO - DATA_BASE), PAGE_SIZE);
    return true;
}

static bool map_annex(void)
{
    if (!host_map_ways())
        return false;
    struct host_const *k = (struct host_const *)CONST;
    __asm__ volatile("rdfsbase %0" : "=r"(k->fs_base));
    k->back = (u64)(uintptr_t)host_back;
    k->mxcsr = 0x1f80;
    return host_seal();
}

static bool make_ldt(void)
{
    bool made = true;
    for (unsigned i = 0; i < test_segs_len; i++) {
        const struct test_seg *s = &test_segs[i];
        struct user_desc d = {.entry_number = i,
                              .base_addr = s->base,
                              .limit = s->limit,
                              .seg_32bit = s->use32,
                              .contents = s->contents,
                              .read_exec_only = s->no_write,
                              .limit_in_pages = s->pages,
                              .seg_not_present = s->absent};
        if (syscall(SYS_modify_ldt, 0x11, &d, sizeof(d)))
            made = false;
    }
    if (!made)
        printf("oracle: no modify_ldt() here: flat segments and 32-bit code only\n");
    return made;
}

/* One CPU from now on: a segment of Linux's has its number as the limit. */
static void stay_here(void)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET((unsigned)sched_getcpu(), &set);
    sched_setaffinity(0, sizeof(set), &set);
}

static u32 this_cpu(void)
{
    u32 limit = 0;
    __asm__("lsl %1, %0" : "+r"(limit) : "r"(0x7bu) : "cc");
    return limit;
}

bool host_own_page(u32 la)
{
    return la - IO < PAGE_SIZE || la - STUB < PAGE_SIZE;
}

bool host_start(char *why, size_t size)
{
#ifdef SANITIZED
    snprintf(why, size, "the sanitizer has memory where trials expect none");
    return false;
#endif
    if (!host_sets_bases()) {
        snprintf(why, size, "the host does not let processes set the FS base");
        return false;
    }
    stay_here();
    if (!map_arena() || !map_annex()) {
        snprintf(why, size, "the arena's addresses are taken");
        return false;
    }
    if (!host_facts()->ldt && host_facts()->intel)
        printf("oracle: no modify_ldt() here: flat segments and 32-bit code only\n");
    if (!host_facts()->intel)
        printf("oracle: not a processor by Intel: nothing at the edges\n");
    host_catch_faults(host.signal_stack, sizeof(host.signal_stack));
    host_catch(SIGPROF);
    /* A trial may jump to itself. The timer ends one now and then that does not. */
    const struct itimerval second = {{1, 0}, {1, 0}};
    setitimer(ITIMER_PROF, &second, NULL);
    return true;
}

static u64 features(void)
{
    static const struct {
        u32 leaf;
        u8 reg, bit;
    } rows[] = {
#define FEATURE(name, text, leaf, reg, bit, complete) {leaf, reg, bit},
#include "cpu/features.def"
#undef FEATURE
    };
    u64 has = 0;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        unsigned r[4];
        if (__get_cpuid_count(rows[i].leaf, 0, r, r + 1, r + 2, r + 3) &&
            (r[rows[i].reg] >> rows[i].bit & 1))
            has |= 1ull << i;
    }
    return has;
}

void host_look(struct host_facts *facts)
{
    *facts = (struct host_facts){.features = features()};
    if (!host.arena) /* it runs no trials */
        return;
    facts->cpu = this_cpu();
    facts->intel = host_is_intel();
    facts->ldt = facts->intel && make_ldt();
}

u8 *host_data(void)
{
    return host.arena + (DATA_BASE - ARENA_BASE);
}

/* A far jump to the stub: JMP 33:STUB, with 66 in 16-bit code. */
static unsigned put_end(const struct trial *t, u8 *p)
{
    static const u8 jump[] = {
        0x66, 0xea, STUB & 0xff, STUB >> 8 & 0xff, STUB >> 16 & 0xff, STUB >> 24, SEL_CODE64, 0};
    bool code32 = test_seg_code32(t->in.seg[SEG_CS]);
    memcpy(p, jump + code32, sizeof(jump) - code32);
    return (unsigned)sizeof(jump) - code32;
}

bool host_run(const struct trial *t, struct trial_state *out)
{
    unsigned len = trial_len(t), off = trial_code_at(t) - CODE_PAGE, end = 0;
    unsigned fits = PAGE_SIZE - off < len ? PAGE_SIZE - off : len;
    trial_fill(t, host_data());
    memcpy(host.code + off, t->code, fits);
    if (!t->plain_end)
        end = put_end(t, host.code + off + len);
    memcpy(io->gpr, t->in.gpr, sizeof(io->gpr));
    memcpy(io->fx, t->in.fx, sizeof(io->fx));
    for (unsigned i = 0; i < SEG_COUNT; i++)
        io->seg[i] = t->in.seg[i];
    io->iret[0] = t->in.eip;
    io->iret[1] = t->in.seg[SEG_CS];
    io->iret[2] = 0x202 | t->in.eflags;
    io->iret[3] = t->in.gpr[ESP];
    io->iret[4] = t->in.seg[SEG_SS];
    io->eip = t->in.eip + len; /* the way out by the far jump: as the HLT would fault */
    io->vector = 13;
    io->error = 0;
    host.stopped = false;
    host_enter();
    host_active = 0;
    memset(host.code + off, 0xf4, fits + end);
    memcpy(out->gpr, io->gpr, sizeof(out->gpr));
    memcpy(out->fx, io->fx, sizeof(out->fx));
    for (unsigned i = 0; i < SEG_COUNT; i++)
        out->seg[i] = (u16)io->seg[i];
    out->eflags = io->eflags;
    out->eip = io->eip;
    out->vector = io->vector;
    out->error = io->error;
    out->cr2 = io->vector == 14 ? io->cr2 : 0;
    return !host.stopped && out->seg[SEG_CS] != SEL_CODE64 && out->eip - IO >= PAGE_SIZE &&
           out->eip - STUB >= PAGE_SIZE;
}

#else

bool host_start(char *why, size_t size)
{
    snprintf(why, size, "the host is not an x86 under Linux");
    return false;
}
bool host_run(const struct trial *t, struct trial_state *out)
{
    (void)t;
    (void)out;
    return false;
}
u8 *host_data(void)
{
    return NULL;
}
void host_look(struct host_facts *facts)
{
    *facts = (struct host_facts){.features = ~0ull};
}
bool host_own_page(u32 la)
{
    (void)la;
    return false;
}

#endif
