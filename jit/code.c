/* Code memory: a memfd mapped read-write and read-execute at two addresses (W^X without system
 * calls when code is patched). Resident memory grows with what is used, and code_mem_reset()
 * returns it. */
#define _GNU_SOURCE
#include "jit/code.h"

#include "base/check.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U /* Linux 6.3: say that the file is to be executed */
#endif

#define DROP_EVERY (1u << 17)

static int open_memory(void)
{
    int fd = memfd_create("orrery-code", MFD_CLOEXEC | MFD_EXEC);
    if (fd < 0 && errno == EINVAL)
        fd = memfd_create("orrery-code", MFD_CLOEXEC);
    return fd;
}

/* Does the host go on executing what was there before? An emulator of processes may (qemu-user up
 * to 8.0, which looks at writes through the executable view alone), a processor never does. */
#ifdef __aarch64__
static bool is_stale(struct code_mem *m)
{
    static const u32 code[2][2] = {{0x52800020, 0xd65f03c0}, {0x52800000, 0xd65f03c0}};
    u64 address = (u64)(uintptr_t)m->rx;
    u32 (*run)(void);
    memcpy(&run, &address, sizeof(run)); /* MOV W0, #1 or #0; RET */
    memcpy(m->rw, code[0], sizeof(code[0]));
    code_mem_sync(m, 0, sizeof(code[0]));
    u32 first = run();
    memcpy(m->rw, code[1], sizeof(code[1]));
    code_mem_sync(m, 0, sizeof(code[1]));
    return first == run();
}
#else
static bool is_stale(struct code_mem *m)
{
    (void)m;
    return false;
}
#endif

bool code_mem_init(struct code_mem *m, u64 size, unsigned hot_sixteenths, const char **why)
{
    *m = (struct code_mem){.fd = open_memory(), .host_page_mask = (u64)sysconf(_SC_PAGESIZE) - 1};
    m->size = (size + m->host_page_mask) & ~m->host_page_mask;
    if (m->fd < 0) {
        *why = "the host has no memory files (memfd_create)";
        return false;
    }
    if (ftruncate(m->fd, (off_t)m->size) < 0) {
        close(m->fd);
        *why = "the host refuses memory for translated code";
        return false;
    }
    void *rw = mmap(NULL, m->size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, m->fd, 0);
    void *rx = mmap(NULL, m->size, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_NORESERVE, m->fd, 0);
    if (rw == MAP_FAILED || rx == MAP_FAILED) {
        if (rw != MAP_FAILED)
            munmap(rw, m->size);
        if (rx != MAP_FAILED)
            munmap(rx, m->size);
        close(m->fd);
        *why = "the host refuses executable memory";
        return false;
    }
    m->rw = rw;
    m->rx = rx;
    u64 split = m->size / 16 * hot_sixteenths & ~m->host_page_mask;
    m->part[CODE_HOT] = (struct code_span){.end = split};
    m->part[CODE_COLD] = (struct code_span){split, m->size, split, split, split};
    m->stale = is_stale(m);
    code_mem_sync(m, 0, PAGE_SIZE); /* now with what it takes */
    return true;
}

void code_mem_free(struct code_mem *m)
{
    munmap(m->rw, m->size);
    munmap(m->rx, m->size);
    close(m->fd);
}

void code_mem_sync(struct code_mem *m, u64 offset, u64 n)
{
    /* The instruction cache is looked up by the executable address (nothing to do on x86). */
    __builtin___clear_cache((char *)m->rx + offset, (char *)m->rx + offset + n);
    if (m->stale) {
        u64 first = offset & ~m->host_page_mask;
        void *p = mmap(m->rx + first, offset + n - first, PROT_READ | PROT_EXEC,
                       MAP_SHARED | MAP_FIXED | MAP_NORESERVE, m->fd, (off_t)first);
        CHECK(p != MAP_FAILED, "code memory cannot be mapped again");
    }
}

/* Pages seen through both views count twice as resident. So the writable view's are let go of now
 * and then; the bytes stay in the file, and a page that is patched later comes back by a fault. */
void code_mem_commit(struct code_mem *m, enum code_part part, u64 end)
{
    struct code_span *p = &m->part[part];
    /* never executed before: none of it can be stale */
    __builtin___clear_cache((char *)m->rx + p->used, (char *)m->rx + end);
    p->used = end;
    if (p->used >= p->dropped + DROP_EVERY) {
        madvise(m->rw + p->start, (p->used - p->start) & ~m->host_page_mask, MADV_DONTNEED);
        p->dropped = p->used;
    }
}

void code_mem_keep(struct code_mem *m)
{
    for (unsigned n = 0; n < CODE_PARTS; n++)
        m->part[n].keep = m->part[n].used;
}

static void reset_part(struct code_mem *m, struct code_span *p)
{
    u64 first = (p->keep + m->host_page_mask) & ~m->host_page_mask;
    u64 end = (p->used + m->host_page_mask) & ~m->host_page_mask;
    /* A hole reads as zeros and costs nothing; if the host has no holes the pages just stay. */
    if (end > first)
        (void)!fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)first,
                         (off_t)(end - first));
    if (m->stale && p->used > p->keep)
        code_mem_sync(m, p->keep, p->used - p->keep);
    p->used = p->dropped = p->keep;
}

void code_mem_reset(struct code_mem *m)
{
    for (unsigned n = 0; n < CODE_PARTS; n++)
        reset_part(m, &m->part[n]);
}

u64 code_mem_used(const struct code_mem *m)
{
    u64 n = 0;
    for (unsigned i = 0; i < CODE_PARTS; i++)
        n += m->part[i].used - m->part[i].start;
    return n;
}
