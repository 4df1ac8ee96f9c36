/* Option texts of the form name=value,name=value. */
#ifndef FRONTEND_PROPS_H
#define FRONTEND_PROPS_H

#include <stdbool.h>

/* Cuts the next one off *rest, in place; false at the end. *value is NULL where there is no '='. A
 * doubled comma is one of the value's. */
bool next_property(char **rest, char **name, char **value);

#endif
