/*
 * client: a client of the library at the fixture's doors, while the test is their frankd.
 */
#ifndef FRANK_TESTS_UNIT_DOOR_CLIENT_SUPPORT_H
#define FRANK_TESTS_UNIT_DOOR_CLIENT_SUPPORT_H

#include "fixture.h"

#include "door/client.h"

#include <stdbool.h>

/* So long a client asks no second time, where a test is not about that: longer than the machine may
 * stand still. */
#define CLIENT_PATIENT_MS 600000

/* A client of one endpoint, or of two where `second` is not NULL; 0 tries are what the library
 * takes by itself. Destroy it with frank_client_destroy. */
struct frank_client *client_at(const char *first, const char *second, uint32_t retry_ms,
                               uint32_t tries);
/* Asks for a stamp of FIXTURE_B; the request's id. */
uint64_t client_asks(struct frank_client *client, uint64_t factor, uint32_t deadline_ms);
/* Lets the client work while the test plays frankd: true when the door has a record. No reply may
 * come. */
bool client_turn(struct frank_client *client, struct fixture *fixture, uint16_t *type);
/* The next reply: to request `id` and with this code, "" where it brings a stamp. */
void client_next_is(struct frank_client *client, uint64_t id, const char *code,
                    struct frank_client_reply *reply);

/* What frankd gets of a request for FIXTURE_B, and the stamp that it answers with. */
struct frank_request client_expect_mint(struct fixture *fixture);
void client_give(struct fixture *fixture, uint64_t tag, uint64_t factor);

#endif
