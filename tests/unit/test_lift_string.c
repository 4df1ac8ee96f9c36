/* The string instructions: their effect as cases, then what REP does besides: code that it
 * overwrites and the instructions that it counts. */
#include "tests/unit/lift_cases.h"

#include "cpu/help_str.h"
#include "cpu/helpers.h"

/* -- cases -- */

/* clang-format off */

CASES(test_string,
    { "a5 ; movsd", "[20000]=12345678", "[20100]=12345678 esi=20004 edi=20104", 0 },
    { "a4 ; movsb down", "df=1 [20000]=5 [20100]=0", "[20100]=5 esi=1ffff edi=200ff", 0 },
    { "64 a5 ; movsd fs:", "esi=10 [20010]=9", "[20100]=9 esi=14 edi=20104", BASED },
    { "aa ; stosb", "[20100]=0", "[20100]=44 edi=20101", 0 },
    { "66 ab ; stosw", "[20100]=0", "[20100]=3344 edi=20102", 0 },
    { "ac ; lodsb", "[20000]=99", "eax=11223399 esi=20001", 0 },
    { "67 ad ; lodsd, 16-bit address", "esi=12340000 df=1 eax=0", "eax=0 esi=1234fffc", 0 },
    { "a7 ; cmpsd", "[20000]=1 [20100]=2", "esi=20004 edi=20104 flags=95", 0 },
    { "ae ; scasb", "[20100]=44", "edi=20101 flags=44", 0 },
    { "f3 a5 ; rep movsd", "ecx=0", "", 0 },
    { "f3 a5", "ecx=2 [20000]=1 [20004]=2", "[20100]=1 [20104]=2 ecx=0 esi=20008 edi=20108", 0 },
    { "f2 a4 ; repne movsb is rep", "ecx=1 [20000]=5 [20100]=0", "[20100]=5 ecx=0 esi=20001 edi=20101", 0 },
    { "f3 a4 ; rep movsb over itself", "ecx=7 esi=20100 edi=20101 [20100]=42 [20104]=0",
      "[20100]=42424242 [20104]=42424242 ecx=0 esi=20107 edi=20108", 0 },
    { "f3 a4 ; down over itself", "df=1 ecx=3 esi=20103 edi=20102 [20100]=42000000",
      "[20100]=42424242 ecx=0 esi=20100 edi=200ff", 0 },
    { "f3 a4 ; down, moved up", "df=1 ecx=3 esi=20102 edi=20103 [20100]=112233",
      "[20100]=11223333 ecx=0 esi=200ff edi=20100", 0 },
    { "f3 ab ; rep stosd over a page end", "ecx=2 eax=5 edi=20ffc", "[20ffc]=5 [21000]=5 ecx=0 edi=21004", 0 },
    { "f3 ab ; an element over a page end", "ecx=2 eax=5 edi=20ffe [20ffc]=0 [21000]=0 [21004]=0",
      "[20ffc]=50000 [21000]=50000 ecx=0 edi=21006", 0 },
    { "66 f3 ab ; rep stosw, ESI kept", "ecx=3 eax=5 edi=20100 [20104]=0", "[20100]=50005 [20104]=5 ecx=0 edi=20106", 0 },
    { "f3 ab ; faults at the second", "ecx=5 eax=5 edi=2fffc", "[2fffc]=5 ecx=4 edi=30000 fault=e err=6", 0 },
    { "f3 a5 ; faults at the source's second", "ecx=5 esi=2fffc edi=20000 [2fffc]=9",
      "[20000]=9 ecx=4 esi=30000 edi=20004 fault=e err=4", 0 },
    { "f3 ad ; rep lodsd", "ecx=3 [20008]=77", "eax=77 ecx=0 esi=2000c", 0 },
    { "f3 a6 ; repe cmpsb", "ecx=8 [20000]=44332211 [20100]=44aa2211",
      "ecx=5 esi=20003 edi=20103 zf=0 cf=1", 0 },
    { "f3 a6", "ecx=3 [20000]=44332211 [20100]=aa332211", "ecx=0 esi=20003 edi=20103 flags=44", 0 },
    { "f2 a7 ; repne cmpsd", "ecx=8 [20000]=1 [20100]=2 [20004]=3 [20104]=3",
      "ecx=6 esi=20008 edi=20108 flags=44", 0 },
    { "f3 a6", "ecx=0 flags=8d5", "flags=8d5", 0 },
    { "f2 ae ; repne scasb", "ecx=ffffffff eax=0 [20100]=112233 ", "ecx=fffffffb edi=20104 flags=44", 0 },
    { "f3 af ; repe scasd", "ecx=8 eax=1 [20100]=1 [20104]=2", "ecx=6 edi=20108 flags=95", 0 },
    { "f3 aa ; CX and DI are 16 bits wide, DI wraps", "ecx=aaaa0003 edi=bbbb0001 df=1", "ecx=aaaa0000 edi=bbbbfffe", REAL },
)

/* clang-format on */

/* -- REP STOS into a page that holds translated code -- */

static sigjmp_buf restart_point;

static _Noreturn void restart(struct cpu *cpu)
{
    (void)cpu;
    siglongjmp(restart_point, 1);
}

struct written {
    paddr pa;
    u64 len;
    unsigned calls;
};

static void on_code_write(void *opaque, paddr pa, u64 len)
{
    struct written *w = opaque;

    w->pa = pa;
    w->len = len;
    w->calls++;
}

static void test_rep_over_code(void **state)
{
    static const struct cpu_hooks hooks = {.restart_single = restart};
    static struct state in, out;
    struct rig *r = *state;
    struct written w = {0, 0, 0};
    const struct code_listener listener = {on_code_write, &w};
    u8 *ram = phys_ram(r->phys);
    unsigned len;

    default_state(&in);
    rig_parse(&in, "edi=2011c ecx=8 df=1 eax=0", parse_one);
    rig_map(r, ABSENT);
    len = rig_load(r, "f3 ab");
    phys_set_code_listener(r->phys, &listener);
    phys_mark_code(r->phys, DATA + 0x104, 1);
    load_state(r, &in, FLAT);
    lift_code(r, len, FLAT, true);

    /* Native code leaves before anything is written... */
    r->cpu->hooks = &hooks;
    r->cpu->in_block = 1;
    if (!sigsetjmp(restart_point, 0)) {
        help_rep_stos(r->cpu, rep_info(4, 4, SEG_DS, false));
        fail_msg("no restart");
    }
    r->cpu->in_block = 0;
    r->cpu->hooks = NULL;
    assert_int_equal(r->cpu->gpr[ECX], 8);
    assert_memory_equal(ram + DATA, in.mem, sizeof(in.mem));
    assert_int_equal(w.calls, 0);

    /* ... and the interpreter reports just the bytes that it writes. */
    run(r, true, &out);
    assert_int_equal(w.calls, 1);
    assert_int_equal(w.pa, DATA + 0x100);
    assert_int_equal(w.len, 32);
    assert_int_equal(out.gpr[ECX], 0);
    assert_int_equal(out.gpr[EDI], DATA + 0xfc);
    assert_int_equal(load_le(ram + DATA + 0x100, 8), 0);
    phys_set_code_listener(r->phys, NULL);
    phys_set_code_lines(r->phys, DATA, 0);
}

/* One chunk a call, whatever the TLB holds: the count of retired instructions follows from the
 * addresses. */
static void test_rep_retires(void **state)
{
    static struct state in, out;
    struct rig *r = *state;
    unsigned len;

    for (unsigned warm = 0; warm < 2; warm++) {
        default_state(&in);
        rig_parse(&in, "esi=20ff0 edi=22000 ecx=1800", parse_one);
        rig_map(r, ABSENT);
        len = rig_load(r, "f3 a4");
        load_state(r, &in, FLAT);
        if (warm)
            mem_read(r->cpu, 0x21000, 4, true);
        run(r, lift_code(r, len, FLAT, true), &out);
        assert_int_equal(out.gpr[ECX], 0);
        assert_int_equal(RIG_BUDGET - r->cpu->budget, 4); /* 10, ff0, 10, 7f0 bytes */
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_string),
        cmocka_unit_test(test_rep_over_code),
        cmocka_unit_test(test_rep_retires),
    };

    return cmocka_run_group_tests(tests, setup, rig_free);
}
