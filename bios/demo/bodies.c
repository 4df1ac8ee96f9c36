/* The solar system in numbers. Periods are true, places are those of mean motion on 2026-01-01
 * (0h), distances are the square roots of the true ones or near to them, so that all of it fits,
 * and sizes are what can be seen. */
#include "bios/demo/bodies.h"

const struct body bodies[BODIES] = {
    {"Sun", -1, 0, 0, 0, 26, 0, 0xffdc78, 0xffb43c, "a star; 99.8 % of all that is here"},
    {"Mercury", -1, 58, 1407, 669, 4, 0, 0xb4a89c, 0x8c8278, "0.39 AU, 88 days, no moon"},
    {"Venus", -1, 88, 3595, 787, 7, 0, 0xf0dcaa, 0xd2b478, "0.72 AU, 225 days, 465 degrees"},
    {"Earth", -1, 124, 5844, 286, 8, 0, 0x5a9bf0, 0x3c8c5a, "1 AU, 365 days, one moon"},
    {"Moon", 3, 18, 437, 193, 2, 0, 0xc8c8c8, 0xa0a0a0, "27 days around the Earth"},
    {"Mars", -1, 160, 10992, 830, 6, 0, 0xe67846, 0xaa5032, "1.52 AU, 687 days, two moons"},
    {"Jupiter", -1, 222, 69321, 294, 19, 0, 0xe6c8a0, 0xb4825a, "5.2 AU, 12 years, 95 moons"},
    {"Io", 6, 34, 28, 0, 2, 0, 0xf5e678, 0xd2b43c, "42 hours around Jupiter"},
    {"Saturn", -1, 284, 172154, 22, 16, 23, 0xf0dca5, 0xc8af78, "9.6 AU, 29 years, rings of ice"},
    {"Uranus", -1, 336, 491000, 186, 11, 0, 0xa0e1e6, 0x8cc8d2,
     "19 AU, 84 years, lies on its side"},
    {"Neptune", -1, 376, 963000, 3, 11, 0, 0x5078f0, 0x3c5ac8, "30 AU, 165 years"},
};
