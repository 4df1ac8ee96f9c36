/* The page about the CPU: CPUID, if there is one, and the control registers. */
#include "bios/demo/demo.h"

static const struct feature {
    u8 reg, bit; /* of CPUID 1: 3 EDX, 2 ECX */
    const char *name;
} features[] = {
    {3, 0, "FPU"},     {3, 1, "VME"},    {3, 2, "DE"},       {3, 3, "PSE"},     {3, 4, "TSC"},
    {3, 5, "MSR"},     {3, 6, "PAE"},    {3, 7, "MCE"},      {3, 8, "CX8"},     {3, 9, "APIC"},
    {3, 11, "SEP"},    {3, 12, "MTRR"},  {3, 13, "PGE"},     {3, 14, "MCA"},    {3, 15, "CMOV"},
    {3, 16, "PAT"},    {3, 17, "PSE36"}, {3, 19, "CLFLUSH"}, {3, 23, "MMX"},    {3, 24, "FXSR"},
    {3, 25, "SSE"},    {3, 26, "SSE2"},  {2, 0, "SSE3"},     {2, 1, "PCLMUL"},  {2, 3, "MONITOR"},
    {2, 9, "SSSE3"},   {2, 13, "CX16"},  {2, 19, "SSE4.1"},  {2, 20, "SSE4.2"}, {2, 22, "MOVBE"},
    {2, 23, "POPCNT"}, {2, 25, "AES"},   {2, 26, "XSAVE"},   {2, 28, "AVX"},    {2, 30, "RDRAND"},
    {2, 31, "guest"},
};

/* A flag that can be changed says what there is: AC came with the 80486, ID with CPUID. */
static bool can_flip(u32 flag)
{
    u32 before = read_eflags();

    write_eflags(before ^ flag);
    bool flipped = (read_eflags() ^ before) & flag;
    write_eflags(before);
    return flipped;
}

static void draw_names(void)
{
    u32 r[4], family[4];
    char vendor[13] = "", brand[49] = "";

    cpuid(0, r);
    u32 leaves = r[0];
    memcpy(vendor, &r[1], 4);
    memcpy(vendor + 4, &r[3], 4);
    memcpy(vendor + 8, &r[2], 4);
    cpuid(1, family);
    put(4, 4, ON(DIM, PANEL), "Vendor");
    put(4, 16, ON(YELLOW, PANEL), "%s", vendor);
    put(4, 34, ON(DIM, PANEL), "leaves 0-%x", leaves);
    put(5, 4, ON(DIM, PANEL), "Family");
    put(5, 16, ON(WHITE, PANEL), "%u model %u stepping %u", family[0] >> 8 & 15,
        (family[0] >> 4 & 15) | (family[0] >> 12 & 0xf0), family[0] & 15);
    cpuid(0x80000000, r);
    if (r[0] >= 0x80000004) {
        for (u32 i = 0; i < 3; i++) {
            cpuid(0x80000002 + i, r);
            memcpy(brand + 16 * i, r, 16);
        }
        put(6, 4, ON(DIM, PANEL), "Brand");
        put(6, 16, ON(WHITE, PANEL), "%s", brand);
    }
    for (unsigned i = 0; i < ARRAY_LEN(features); i++) {
        bool there = family[features[i].reg] >> features[i].bit & 1;
        put(9 + (int)i / 6, 4 + 12 * (int)(i % 6), ON(there ? BRIGHT_GREEN : DIM, PANEL), "%s",
            features[i].name);
    }
    put(8, 4, ON(DIM, PANEL), "EDX %08x  ECX %08x", family[3], family[2]);
    if (family[3] & 0x10) {
        u64 now = read_tsc();
        put(4, 52, ON(DIM, PANEL), "TSC %08x%08x", (u32)(now >> 32), (u32)now);
    }
}

/* CR4 came with what it switches on: VME, DE, PSE, TSC, PAE, MCE. */
static bool has_cr4(void)
{
    u32 r[4];

    if (!can_flip(EFLAGS_ID))
        return false;
    cpuid(1, r);
    return r[3] & 0xde;
}

static void draw_cpu(void)
{
    bool has_cpuid = can_flip(EFLAGS_ID);

    box(2, 1, 20, 78, "The CPU by its own words");
    if (has_cpuid)
        draw_names();
    else
        put(4, 4, ON(YELLOW, PANEL),
            "%s, without CPUID: older than the instruction that would tell.",
            can_flip(EFLAGS_AC) ? "An 80486" : "An 80386");
    put(17, 4, ON(GOLD, PANEL), "CR0 %08x   CR2 %08x   CR3 %08x", read_cr0(), read_cr2(),
        read_cr3());
    if (has_cr4())
        put(17, 52, ON(GOLD, PANEL), "CR4 %08x", read_cr4());
    put(18, 4, ON(TEXT, PANEL), "EFLAGS %08x, IOPL %u, CPL %u, TR %04x", read_eflags(),
        read_eflags() >> 12 & 3, SEL_CODE & 3, read_tr());
    put(20, 4, ON(DIM, PANEL), "Another CPU: start Orrery with -cpu MODEL; -cpu help lists them.");
}

const struct page cpu_page = {
    .key = '7',
    .name = "The CPU",
    .about = "Who made it, what it can do, and how its control registers stand. Try it with -cpu "
             "486 or -cpu "
             "pentium.",
    .hints = "Esc menu",
    .interval = 50,
    .draw = draw_cpu,
};
