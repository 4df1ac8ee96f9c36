/* The rules as words: cpu/rules.def. Its sections are those of the Intel SDM of 2023 (volumes 1, 2,
 * 3A, 3B). */
#include "cpu/why.h"

const struct rule_info rule_infos[RULE_COUNT] = {
    [RULE_none] = {"none", "no rule", ""},
#define RULE(name, words, manual) [RULE_##name] = {#name, words, manual},
#include "cpu/rules.def"
#undef RULE
};
