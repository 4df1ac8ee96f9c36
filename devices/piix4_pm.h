/* The power button. */
#ifndef DEVICES_PIIX4_PM_H
#define DEVICES_PIIX4_PM_H

/* The journal channel that presses it; the contents do not matter. The guest gets an ACPI event, by
 * which a system shuts itself down. */
#define POWER_BUTTON_CHANNEL "power-button"

#endif
