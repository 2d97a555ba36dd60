/*
 * What can go wrong with the part in the middle of a campaign's workload: the operation in flight, or the block that it is in
 * from now on. And what is still asked of the store then.
 */
#ifndef TESTS_HOST_CAMPAIGN_FAULTS_H
#define TESTS_HOST_CAMPAIGN_FAULTS_H

#include "tests/host/store_model.h"

enum campaign_fault {
    CAMPAIGN_FAILS,  /* its status is an error */
    CAMPAIGN_LOST,   /* nothing is done, and its status is good */
    CAMPAIGN_LATE,   /* it ends a second later */
    CAMPAIGN_STUCK,  /* it never ends */
    CAMPAIGN_STRAYS, /* a program hits a page of a file in the middle, an erase the block of one */
    CAMPAIGN_BLOCK,  /* its block: enum nor_fault, one after the other */
    CAMPAIGN_FAULTS = CAMPAIGN_BLOCK + 6
};

/* An operation is in flight. false: there is nothing for it to hit. `hides`: records may be gone without a trace. */
bool campaign_strike(struct bed *bed, const struct model *model, enum campaign_fault fault, bool *hides);
/* Power comes back and the store goes on: NULL, or what is wrong. */
const char *campaign_judge(struct bed *bed, const struct model *model, enum campaign_fault fault, bool hides);

#endif
