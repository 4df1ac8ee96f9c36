/* The tables that protected mode cannot do without: GDT, IDT, TSS. A descriptor is 8 bytes whose
 * fields lie scattered, because the 80386 had to extend what the 80286 had laid down (SDM vol.
 * 3A, 3.4.5, 6.11). */
#include "bios/demo/demo.h"

/* base, limit, access rights (P, DPL, S, type), flags (granularity, default size). */
#define DESCRIPTOR(base, limit, rights, flags)                                                     \
    ((u64)((limit)&0xffff) | (u64)((base)&0xffffff) << 16 | (u64)(rights) << 40 |                  \
     (u64)((limit) >> 16 & 15) << 48 | (u64)(flags) << 52 | (u64)((base) >> 24) << 56)

#define RIGHTS_CODE   0x9a
#define RIGHTS_DATA   0x92
#define RIGHTS_ABSENT 0x12
#define RIGHTS_TSS    0x89
#define RIGHTS_GATE   0x8e /* a 32-bit interrupt gate */
#define FLAGS_FLAT    0xc  /* limit in pages, 32 bits */

u64 gdt[GDT_ENTRIES] = {
    [SEL_CODE / 8] = DESCRIPTOR(0u, 0xfffffu, RIGHTS_CODE, FLAGS_FLAT),
    [SEL_DATA / 8] = DESCRIPTOR(0u, 0xfffffu, RIGHTS_DATA, FLAGS_FLAT),
    [SEL_CODE16 / 8] = DESCRIPTOR(0u, 0xffffu, RIGHTS_CODE, 0),
    [SEL_DATA16 / 8] = DESCRIPTOR(0u, 0xffffu, RIGHTS_DATA, 0),
    [SEL_ABSENT / 8] = DESCRIPTOR(0u, 0xfffffu, RIGHTS_ABSENT, FLAGS_FLAT),
    [SEL_SMALL / 8] = DESCRIPTOR(0xb8000u, 0xfu, RIGHTS_DATA, 4),
};
u64 idt[IDT_ENTRIES];
struct tss main_tss;

extern const u8 vector_entries[IDT_ENTRIES][16]; /* entry.S */
extern const u8 stack_top[];

void note_step(unsigned number)
{
    struct step *s = &steps[number];

    s->cr0 = read_cr0();
    s->cr3 = read_cr3();
    s->eflags = read_eflags();
    s->eip = (u32)__builtin_return_address(0);
    asm volatile("mov %%esp, %0" : "=m"(s->esp));
    asm volatile("mov %%cs, %0" : "=m"(s->cs));
    asm volatile("mov %%ds, %0" : "=m"(s->ds));
    asm volatile("mov %%ss, %0" : "=m"(s->ss));
    s->tr = read_tr();
    s->gdtr = read_gdtr();
    s->idtr = read_idtr();
}

void describe_tss(u16 selector, const struct tss *tss)
{
    gdt[selector / 8] = DESCRIPTOR((u32)tss, (u32)sizeof(*tss) - 1, RIGHTS_TSS, 0);
}

void descriptors_init(void)
{
    for (unsigned v = 0; v < IDT_ENTRIES; v++) {
        u32 entry = (u32)vector_entries[v];
        idt[v] = (entry & 0xffff) | (u64)SEL_CODE << 16 | (u64)RIGHTS_GATE << 40 |
                 (u64)(entry >> 16) << 48;
    }
    asm volatile("lidt %0" : : "m"(idt_register));
    note_step(STEP_IDT);

    main_tss = (struct tss){.ss0 = SEL_DATA, .esp0 = (u32)stack_top, .io_map = sizeof(main_tss)};
    describe_tss(SEL_MAIN, &main_tss);
    asm volatile("ltr %w0" : : "r"(SEL_MAIN));
    note_step(STEP_TSS);
}

/* Types of system descriptors, by the low four bits of the rights. */
static const char *const system_types[16] = {
    [1] = "16-bit TSS, free",  [2] = "LDT",
    [3] = "16-bit TSS, busy",  [4] = "16-bit call gate",
    [5] = "task gate",         [6] = "16-bit interrupt gate",
    [7] = "16-bit trap gate",  [9] = "32-bit TSS, free",
    [11] = "32-bit TSS, busy", [12] = "32-bit call gate",
    [14] = "32-bit int. gate", [15] = "32-bit trap gate",
};

static bool is_gate(u8 rights)
{
    return !(rights & 0x10) && (rights & 4);
}

void decode_descriptor(u64 d, char *words, size_t size, u32 *base, u32 *limit)
{
    u8 rights = (u8)(d >> 40), flags = (u8)(d >> 52) & 15, type = rights & 15;
    const char *bits = flags & 4 ? "32-bit" : "16-bit", *accessed = rights & 1 ? ", used" : "";

    if (is_gate(rights)) { /* offset and selector instead */
        *base = (u32)(d & 0xffff) | (u32)(d >> 48) << 16;
        *limit = (u32)(d >> 16) & 0xffff;
    } else {
        *base = (u32)(d >> 16 & 0xffffff) | (u32)(d >> 56) << 24;
        *limit = (u32)(d & 0xffff) | (u32)(d >> 48 & 15) << 16;
        if (flags & 8)
            *limit = *limit << 12 | 0xfff;
    }
    if (!d)
        format(words, size, "empty");
    else if (!(rights & 0x80))
        format(words, size, "not present");
    else if (!(rights & 0x10))
        format(words, size, "%s", system_types[type] ? system_types[type] : "reserved");
    else if (type & 8)
        format(words, size, "%s code%s%s", bits, type & 2 ? ", read" : "", accessed);
    else
        format(words, size, "%s data%s%s%s", bits, type & 4 ? ", down" : "",
               type & 2 ? ", write" : "", accessed);
}
