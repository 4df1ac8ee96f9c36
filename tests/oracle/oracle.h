/* The hardware oracle: the same instructions on the host's CPU and on every back end, and
 * everything compared.
 *
 * Both sides run in user mode at the same linear addresses, with the same pages mapped and the same
 * LDT, in an arena whose code page is full of HLT: so every trial ends with a fault, either an
 * instruction's own or #GP at the HLT after the last one. Vector, error code, CR2 and EIP, all
 * registers, flags and the arena's memory are the result. On the host a far jump to 64-bit code
 * stands in for the HLT right behind the code: it costs no signal. */
#ifndef TESTS_ORACLE_H
#define TESTS_ORACLE_H

#include "base/types.h"
#include "cpu/decode.h"
#include "cpu/flags.h"
#include "cpu/insn.h"

/* -- the arena: linear addresses on the host, linear and physical ones in the guest -- */

#define ARENA_BASE  0x00400000u
#define ARENA_PAGES 8
/* What is at each page; the gaps are unmapped. */
enum arena_page { PAGE_NONE, PAGE_CODE, PAGE_RW, PAGE_RO };
extern const u8 arena_map[ARENA_PAGES];
#define CODE_PAGE (ARENA_BASE + 0x1000)
#define CODE_AT   (CODE_PAGE + 0x800)
#define DATA_BASE (ARENA_BASE + 0x3000) /* two pages, a read-only one, a page, a gap */
#define DATA_RO   (DATA_BASE + 0x2000)
#define DATA_SIZE 0x4000u
#define DATA_END  (DATA_BASE + DATA_SIZE)

/* -- segments: an LDT that both sides have, and the host's user segments -- */

#define SEL_CODE32 0x23
#define SEL_DATA   0x2b
#define SEL_CODE64 0x33

/* As modify_ldt() takes it. */
struct test_seg {
    u32 base, limit;
    u8 contents; /* 0 data, 1 expand-down, 2 code, 3 conforming code */
    bool use32, no_write /* data; of code: no read */, pages, absent;
};
extern const struct test_seg test_segs[];
extern const unsigned test_segs_len;
/* Upper half of ESP on a 16-bit stack: what the host's IRET leaves there. */
#define STACK16_HIGH 0x6b7du
#define TEST_SEL(i)  ((u16)((i) << 3 | 7))

/* NULL: not one of the LDT's. */
const struct test_seg *test_seg_of(u16 sel);
/* 0 for those that are not the LDT's. */
u32 test_seg_base(u16 sel);
bool test_seg_code32(u16 cs);
/* Its descriptor, as Linux makes it. */
u64 test_seg_desc(const struct test_seg *s);

/* -- a trial -- */

#define MAX_INSNS   6
#define MAX_CODE    128
#define MAX_PATCHES 16
#define PATCH_BYTES 2048

/* What goes in and what comes out, but for memory. */
struct trial_state {
    u32 gpr[8];
    u32 eflags;
    u32 eip;
    u16 seg[SEG_COUNT];
    u32 vector, error, cr2; /* out: the fault that ended it; CR2 of a page fault, else 0 */
    u8 fx[512] __attribute__((aligned(16))); /* FXSAVE image */
};

/* Bytes of the arena's data that differ from the background. */
struct patch {
    u32 at;
    u16 len, from; /* in patch_bytes */
};

struct range {
    u32 at, len;
};

struct trial {
    u8 code[MAX_CODE];
    unsigned ninsns;
    u8 start[MAX_INSNS + 1];     /* offsets in code; start[ninsns] is its length */
    struct insn insn[MAX_INSNS]; /* decoded */
    bool decodes[MAX_INSNS];
    struct trial_state in;
    bool plain_end; /* no far jump behind the code: it would not fit */
    unsigned npatches, npatch_bytes;
    struct patch patches[MAX_PATCHES];
    u8 patch_bytes[PATCH_BYTES];
    /* what is not compared; undefined.c */
    u32 undefined; /* flags */
    u32 ignore;    /* IGN_* */
    unsigned nignored;
    struct range ignored[4]; /* memory */
};

enum { IGN_POINTERS = 1, IGN_ULP = 2, IGN_APPROX = 4, IGN_ORDER = 8 };

static inline unsigned trial_len(const struct trial *t)
{
    return t->start[t->ninsns];
}

/* Linear address of the code. */
static inline u32 trial_code_at(const struct trial *t)
{
    return test_seg_base(t->in.seg[SEG_CS]) + t->in.eip;
}

/* The arena's data as the trial finds it. */
void trial_fill(const struct trial *t, u8 *data);
/* Decodes t->code from start[i] on; sets insn[i] and decodes[i]. */
void trial_decode(struct trial *t, unsigned i, struct decoder *d);

/* -- values.c: random numbers, biased to edges -- */
u64 rnd64(u64 *seed);
u32 rnd32(u64 *seed);
u32 below(u64 *seed, u32 n);
bool one_in(u64 *seed, u32 n);
u32 edge(u64 *seed);
void edge_bytes(u64 *seed, u8 *p, unsigned len); /* an operand of any type */
void edge_fx(u64 *seed, u8 fx[512]);
void plain_fx(u8 fx[512]);  /* the power-up state */
const u8 *background(void); /* DATA_SIZE bytes */

/* -- forms.c: instruction forms: rows of insn_table, those of the x87 taken apart -- */
struct form {
    u16 row;
    u8 opcode, modrm; /* x87: a representative ModRM byte */
    bool rm_any;      /* x87 register form: any rm */
    const char *skip; /* why the oracle does not run it, or NULL */
    char name[16], encoding[32];
};
struct forms {
    struct form *form;
    unsigned len;
    u16 *of_row; /* first form of each row */
};
struct forms *forms_new(void); /* what the host has not is marked to be skipped: host_use() first */
void forms_free(struct forms *f);
/* Index of the form of a decoded instruction. */
unsigned form_of(const struct forms *f, const struct insn *in);
/* "helper" or "lifted". */
const char *form_how(const struct form *form);

/* -- gen.c -- */
struct gen;
struct gen *gen_new(const struct forms *forms, struct decoder *d);
void gen_free(struct gen *g);
/* Draws from these forms (UINT16_MAX: come to nothing) in place of the forms' own list. */
void gen_draw_from(struct gen *g, const u16 *forms, unsigned n);
/* The next random trial; only: a mnemonic, or NULL. False: this draw came to nothing. */
bool gen_trial(struct gen *g, struct trial *t, u64 seed, const char *only);

/* -- undefined.c -- */
/* What the manual leaves undefined after insn[i], with the registers it starts from (NULL: not
 * known): flags; *ignore gets IGN_*, where says what it stores. */
u32 undefined_flags(const struct insn *in, const u32 *gpr);
u32 undefined_state(const struct insn *in);
/* Sets what the trial does not compare. */
void undefined_set(struct trial *t);
/* What instruction i may have stored in part if it has faulted with these registers. */
struct range undefined_partial(const struct trial *t, unsigned i, const u32 *gpr);
/* Flags that the instruction may read, and those it surely defines. */
u32 flags_read_by(const struct insn *in);
u32 flags_defined_by(const struct insn *in);

/* -- host.c -- */
bool host_start(char *why, size_t size); /* false: no 32-bit mode here */
/* False: the trial found its way out of the arena into the host's own code. */
bool host_run(const struct trial *t, struct trial_state *out);
u8 *host_data(void);        /* the arena's data after the run */
bool host_own_page(u32 la); /* memory that the host has there for its own ends */

/* What of the host decides over trials. */
struct host_facts {
    u64 features; /* FEAT_BIT()s of cpu/cpuid.h that its CPUID reports; all, elsewhere */
    u32 cpu;      /* number of the CPU that it stays on */
    bool ldt;
    /* What the manuals leave to the processor (order of faults, partial results) is compared only
     * with Intel's: on others trials stay away from it. */
    bool intel;
};
const struct host_facts *host_facts(void);
void host_use(const struct host_facts *facts); /* another's, whose results are at hand */
void host_look(struct host_facts *facts);      /* this one's */

/* -- record.c: random trials with the results of a host, as a file -- */
struct recording;
/* NULL: why says why not. To read: sets the host's facts. */
struct recording *recording_open(const char *path, char *why, size_t size);
struct recording *recording_create(const char *path, u64 seed);
/* Gives the generator the file's forms, or writes them. False: one is not known here. */
bool recording_forms(struct recording *r, const struct forms *f, struct gen *g, char *why,
                     size_t size);
/* Draws the next trial; false: the end, or the generator draws others than it did (why). */
bool recording_next(struct recording *r, struct gen *g, struct trial *t, char *why, size_t size);
/* Reads or writes the result of the trial drawn last, state and DATA_SIZE bytes; false: it has
 * none. */
bool recording_get(struct recording *r, const struct trial *t, struct trial_state *out, u8 *data);
void recording_put(struct recording *r, const struct trial *t, const struct trial_state *out,
                   const u8 *data);
void recording_put_none(struct recording *r);
bool recording_close(struct recording *r);

/* -- guest.c, guest_cpu.c -- */
struct guest;
struct guest *guest_new(const char *accel, struct decoder *d); /* NULL: no such back end here */
void guest_run(struct guest *g, const struct trial *t, struct trial_state *out);
u8 *guest_data(struct guest *g);
void guest_free(struct guest *g);

/* -- case.c: a trial as one line of text -- */
void case_write(const struct trial *t, char *line, size_t size);
bool case_read(struct trial *t, const char *line, struct decoder *d);

/* -- compare.c -- */
#define FLAGS_COMPARED                                                                             \
    (FLAGS_ARITH | FLAG_DF | FLAG_TF | FLAG_IOPL | FLAG_NT | FLAG_AC | FLAG_ID | FLAG_VIF |        \
     FLAG_VIP | FLAG_VM)
/* What differs, as one line in text; false if nothing does. Ignored memory is made equal. */
bool compare(const struct trial *t, const struct trial_state *want, const struct trial_state *got,
             const u8 *want_data, u8 *got_data, char *text, size_t size);

#endif
