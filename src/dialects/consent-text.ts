/** What clients of a vendor are told who switch automatic top-ups on: their calls do not carry who pays' consent to the words. */
export const consentText =
  'Who pays has to agree to automatic top-ups first, where the words are shown: PATCH /v1/wallet/auto-top-up'
