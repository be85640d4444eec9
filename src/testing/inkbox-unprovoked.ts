/** Statuses that the contract of Inkbox documents and no call can meet here, each with the reason. */
export const inkboxUnprovoked: Readonly<Record<string, string>> = {
  'getIdentityMailContactRule 403': 'every key reads the rules that it sees; those of others are not found',
  'getMailboxContactRule 403': 'every key reads the rules that it sees; those of others are not found',
  'listIdentityMailContactRules 403': 'every key reads the rules that it sees; those of others are not found',
  'listMailboxContactRules 403': 'every key reads the rules that it sees; those of others are not found',
}
