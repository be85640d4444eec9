/** What the contract of Inkbox documents and no call here can meet, with the reason. */
export const unprovoked: Readonly<Record<string, string>> = {
  // Webhooks
  'createOrRotateIdentitySigningKey 503': 'a key is made here, and asks no other service',
  'createOrRotateOrganizationSigningKey 503': 'a key is made here, and asks no other service',
  'getIdentitySigningKeyStatus 403': 'every key that is let in may read what it reaches',
  'getOrganizationSigningKeyStatus 403': 'every key that is let in may read what it reaches',
  'getWebhookSubscription 403': 'every key that is let in may read what it reaches',
  'listWebhookDeliveries 403': 'every key that is let in may read what it reaches',
  'listWebhookSubscriptions 403': 'every key that is let in may read what it reaches',
}
