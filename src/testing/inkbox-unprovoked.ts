/** Statuses that the contract of Inkbox documents and no call can meet here, each with the reason. */
export const inkboxUnprovoked: Readonly<Record<string, string>> = {
  'cancelMailImport 403': 'every key imports into the mailboxes that it sees; those of others are not found',
  'createMailImport 403': 'every key imports into the mailboxes that it sees; those of others are not found',
  'getMailImport 403': 'every key imports into the mailboxes that it sees; those of others are not found',
  'listMailImports 403': 'every key imports into the mailboxes that it sees; those of others are not found',
  'refreshMailImportUpload 403':
    'every key imports into the mailboxes that it sees; those of others are not found',
  'startMailImport 403': 'every key imports into the mailboxes that it sees; those of others are not found',
  'createMailImport 400': 'what is wrong with its body is 422',
  'getIdentityMailContactRule 403': 'every key reads the rules that it sees; those of others are not found',
  'getMailboxContactRule 403': 'every key reads the rules that it sees; those of others are not found',
  'listIdentityMailContactRules 403': 'every key reads the rules that it sees; those of others are not found',
  'listMailboxContactRules 403': 'every key reads the rules that it sees; those of others are not found',
}
