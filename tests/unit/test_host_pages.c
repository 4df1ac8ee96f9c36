/* Hosts whose pages are larger than the guest's: Arm hosts have 4, 16 or 64 KiB. The C library's
 * functions that know pages are the test's own here: sysconf() says what it is told, and what the
 * kernel would refuse, or round so that neighbours suffer, fails. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "jit/code.h"
#include "mmu/phys.h"

static struct {
    u64 page;
    const u8 *base; /* of the mapping that advice is about */
    unsigned dropped, punched;
} host;

long sysconf(int name)
{
    return name == _SC_PAGESIZE ? (long)host.page : -1;
}

int madvise(void *p, size_t n, int advice)
{
    assert_int_equal(((const u8 *)p - host.base) % host.page, 0);
    assert_int_equal(n % host.page, 0); /* the kernel rounds up */
    host.dropped++;
    return (int)syscall(SYS_madvise, p, n, advice);
}

int fallocate(int fd, int mode, off_t offset, off_t n)
{
    assert_int_equal((u64)offset % host.page, 0);
    assert_int_equal((u64)n % host.page, 0);
    host.punched++;
    return (int)syscall(SYS_fallocate, fd, mode, offset, n);
}

/* Every second page is resident. */
int mincore(void *p, size_t n, unsigned char *resident)
{
    (void)p;
    for (u64 i = 0; i < (n + host.page - 1) / host.page; i++)
        resident[i] = i & 1;
    return 0;
}

static const u64 sizes[] = {4096, 16384, 65536};

static void code_memory(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        struct code_mem m;
        const char *why = "";
        host.page = sizes[i];
        host.dropped = host.punched = 0;
        assert_true(code_mem_init(&m, (3 << 20) + 5000, 14, &why));
        host.base = m.rw;
        assert_int_equal(m.size % host.page, 0);
        assert_int_equal(m.part[CODE_COLD].start % host.page, 0);
        assert_int_equal(m.part[CODE_HOT].end, m.part[CODE_COLD].start);
        memset(m.rw, 0x5a, 5000);
        code_mem_commit(&m, CODE_HOT, 5000);
        code_mem_keep(&m);
        memset(m.rw + 5000, 0xa5, 1 << 20);
        code_mem_commit(&m, CODE_HOT, 5000 + (1 << 20));
        assert_int_equal(host.dropped, 1);
        assert_int_equal(m.rx[4999], 0x5a);
        assert_int_equal(m.rx[5000 + (1 << 20) - 1], 0xa5);
        code_mem_reset(&m);
        assert_int_equal(host.punched, 1);
        assert_int_equal(code_mem_used(&m), 5000);
        assert_int_equal(m.rx[4999], 0x5a);
        assert_int_equal(m.rx[2 * host.page], 0);
        code_mem_free(&m);
    }
}

static void touched_memory(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(sizes); i++) {
        struct phys *p = phys_new(1 << 20);
        host.page = sizes[i];
        assert_non_null(p);
        assert_int_equal(phys_ram_touched(p), 1 << 19);
        phys_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(code_memory),
        cmocka_unit_test(touched_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
