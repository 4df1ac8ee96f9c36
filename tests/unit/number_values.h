/* 64 bits that are something as integers and as floating-point numbers of either width. */
#ifndef TESTS_NUMBER_VALUES_H
#define TESTS_NUMBER_VALUES_H

#include "base/types.h"

static const u64 number_values[] = {
    0,
    0x8000000000000000,
    0x3ff0000000000000,
    0xbff8000000000001,
    0x7ff0000000000000,
    0x7ff8000000000001,
    0x7ff0000000000001,
    0x0000000000000001,
    0x000fffffffffffff,
    0x3f8000003fc00000,
    0x7f800000ff800001,
    0x00000001807fffff,
    0x7fc000013f800001,
    0x41dfffffffc00000,
    0x4f0000004effffff,
    0x47efffffffffffff,
};

#endif
