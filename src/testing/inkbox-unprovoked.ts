/** What the contract of Inkbox documents and no call here can meet, with the reason. */
export const unprovoked: Readonly<Record<string, string>> = {
  // Identities and mailboxes
  'createIdentity 429': 'rates are one for all calls, and tested with listMailboxes',
  'createIdentity 503': 'five draws of 47 random bits never all collide, and a handle’s address is not drawn',
  'createMailbox 503': 'five draws of 47 random bits never all collide',
  'updateIdentity 402': 'a change of an identity makes nothing that a plan limits',
  // Keys and signups
  'approveAgentSignup 402':
    'approving makes nothing: the agent’s organization pays for its mailbox from the start',
  // Contact rules and domains
  'cancelMailImport 403': 'every key imports into the mailboxes that it sees; those of others are not found',
  'createMailImport 403': 'every key imports into the mailboxes that it sees; those of others are not found',
  'refreshMailImportUpload 403':
    'every key imports into the mailboxes that it sees; those of others are not found',
  'startMailImport 403': 'every key imports into the mailboxes that it sees; those of others are not found',
  'createMailImport 400': 'what is wrong with its body is 422',
  // Webhooks
  'createOrRotateIdentitySigningKey 503': 'a key is made here, and asks no other service',
  'createOrRotateOrganizationSigningKey 503': 'a key is made here, and asks no other service',
}
