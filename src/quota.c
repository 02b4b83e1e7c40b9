#include "quota.h"

#define AT_LEAST 16

bool quota_take(struct quota *quota)
{
    unsigned share = quota->last_left / 16;

    if (quota->taken >= (share > AT_LEAST ? share : AT_LEAST)) {
        quota->left++;
        return false;
    }
    quota->taken++;
    return true;
}

void quota_renew(struct quota *quota)
{
    *quota = (struct quota){.last_left = quota->left};
}
