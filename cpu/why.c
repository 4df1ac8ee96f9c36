/* The rules as words: cpu/rules.def. Its sections are those of the Intel SDM of 2023 (volumes 1, 2,
 * 3A, 3B). */
#include "cpu/why.h"

const struct rule_info rule_infos[RULE_COUNT] = {
    [RULE_none] = {"none", "no rule", ""},
#define RULE(name, words, manual) [RULE_##name] = {#name, words, manual},
#include "cpu/rules.def"
#undef RULE
};

enum rule why_denied(enum mmu_deny deny)
{
    static const u8 rules[] = {[MMU_GRANTED] = RULE_none,
                               [MMU_NOT_PRESENT] = RULE_page_present,
                               [MMU_RESERVED] = RULE_page_reserved,
                               [MMU_USER] = RULE_page_user,
                               [MMU_WRITE_USER] = RULE_page_write_user,
                               [MMU_WRITE_WP] = RULE_page_write_wp,
                               [MMU_NX] = RULE_page_nx,
                               [MMU_SMEP] = RULE_page_smep,
                               [MMU_SMAP] = RULE_page_smap,
                               [MMU_NONCANONICAL] = RULE_noncanonical};

    return (enum rule)rules[deny];
}
