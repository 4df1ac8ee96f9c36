/* Queues common to the PS/2 keyboard and mouse. */
#include "devices/ps2.h"

static const struct field queue_fields[] = {
    FIELD(struct ps2_queue, head),
    FIELD(struct ps2_queue, tail),
    FIELD_ARRAY(struct ps2_queue, data),
    FIELD_END,
};

const struct field ps2_port_fields[] = {
    FIELD_SUB(struct ps2_port, answers, queue_fields),
    FIELD_SUB(struct ps2_port, events, queue_fields),
    FIELD(struct ps2_port, last),
    FIELD(struct ps2_port, command),
    FIELD_END,
};

u32 ps2_room(const struct ps2_queue *q)
{
    return PS2_QUEUE - (q->head - q->tail);
}

bool ps2_put(struct ps2_queue *q, u8 byte)
{
    if (!ps2_room(q))
        return false;
    q->data[q->head++ % PS2_QUEUE] = byte;
    return true;
}

void ps2_clear(struct ps2_queue *q)
{
    q->tail = q->head;
}

void ps2_answer(struct ps2_port *port, u8 byte)
{
    ps2_put(&port->answers, byte);
    port->changed(port->opaque);
}

bool ps2_pending(const struct ps2_port *port)
{
    return port->answers.head != port->answers.tail || port->events.head != port->events.tail;
}

u8 ps2_take(struct ps2_port *port)
{
    struct ps2_queue *q = port->answers.head != port->answers.tail ? &port->answers : &port->events;
    port->last = q->data[q->tail++ % PS2_QUEUE];
    return port->last;
}
