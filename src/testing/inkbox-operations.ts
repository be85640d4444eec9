/** Which test file holds which operations of Inkbox's contract to it: each operation stands in one (inkbox.test.ts). */
import type { Contract } from './contract.ts'
import { unprovoked } from './inkbox-unprovoked.ts'

/** By the name of the file in src/dialects/inkbox/, without `.test.ts`. */
export const operationsByFile = {
  mailboxes: ['listMailboxes', 'createMailbox', 'getMailbox', 'updateMailbox', 'deleteMailbox'],
  identities: [
    ...[
      'listIdentities',
      'createIdentity',
      'getOwnIdentity',
      'getIdentity',
      'updateIdentity',
      'deleteIdentity',
    ],
    ...['getIdentityChannelStatus', 'setIdentityAvatar', 'linkIdentityMailbox', 'unlinkIdentityMailbox'],
  ],
  messages: [
    ...['searchMailbox', 'searchOrganizationMail', 'listMessages', 'sendMessage', 'getMessage'],
    ...['updateMessageFlags', 'deleteMessage', 'replyAllMessage', 'forwardMessage', 'getMessageAttachment'],
    'lookupMessageSend',
  ],
  drafts: [
    ...['listThreads', 'listThreadFolders', 'getThread', 'updateThread', 'deleteThread', 'listDrafts'],
    ...['createDraft', 'getDraft', 'updateDraft', 'deleteDraft', 'duplicateDraft', 'addDraftAttachments'],
    ...['downloadDraftAttachment', 'deleteDraftAttachment', 'sendDraft'],
  ],
  'mail-imports': [
    ...['listMailImports', 'createMailImport', 'getMailImport', 'refreshMailImportUpload', 'startMailImport'],
    'cancelMailImport',
  ],
  'contact-rules': [
    ...['listIdentityMailContactRules', 'createIdentityMailContactRule', 'getIdentityMailContactRule'],
    ...['updateIdentityMailContactRule', 'deleteIdentityMailContactRule', 'listOrganizationMailContactRules'],
    ...['listMailboxContactRules', 'createMailboxContactRule', 'getMailboxContactRule'],
    ...['updateMailboxContactRule', 'deleteMailboxContactRule'],
  ],
  domains: [
    ...['listDomains', 'registerDomain', 'getDomain', 'deleteDomain', 'listDomainDnsRecords', 'verifyDomain'],
    ...['rotateDomainDkim', 'restoreDomain', 'setDefaultDomain'],
  ],
  webhooks: [
    ...['getIdentitySigningKeyStatus', 'createOrRotateIdentitySigningKey', 'getOrganizationSigningKeyStatus'],
    ...['createOrRotateOrganizationSigningKey', 'listWebhookSubscriptions', 'createWebhookSubscription'],
    ...['getWebhookSubscription', 'updateWebhookSubscription', 'deleteWebhookSubscription'],
    ...['getWebhookCatalog', 'listWebhookDeliveries', 'replayWebhookDelivery'],
  ],
  'api-keys': ['createApiKey', 'listApiKeys', 'getOwnApiKey', 'revokeOwnApiKey', 'revokeApiKey', 'whoami'],
  'agent-signup': [
    ...['signupAgent', 'verifyAgentSignup', 'resendAgentSignupVerification', 'getAgentSignupStatus'],
    ...['listPendingAgentSignups', 'approveAgentSignup', 'rejectAgentSignup'],
  ],
} as const satisfies Record<string, readonly string[]>

const sends = ['sendMessage', 'replyAllMessage', 'forwardMessage'] as const
const draftWrites = [
  ...['createDraft', 'updateDraft', 'deleteDraft', 'duplicateDraft', 'addDraftAttachments'],
  ...['deleteDraftAttachment', 'sendDraft'],
] as const

/** What is met in another file than the operation's own. 401 is in `refusals`, of all. */
const metElsewhere: Readonly<Record<string, readonly string[]>> = {
  refusals: [
    ...[...sends, ...draftWrites, 'updateMessageFlags', 'deleteMessage', 'updateThread', 'deleteThread'].map(
      (id) => `${id} 403`,
    ),
    ...['updateMessageFlags', 'replyAllMessage', 'createDraft'].map((id) => `${id} 422`),
    ...[...sends, 'sendDraft'].map((id) => `${id} 429`),
    ...sends.flatMap((id) => [`${id} 409`, `${id} 503`]),
    ...['updateDraft', 'addDraftAttachments', 'sendDraft'].map((id) => `${id} 402`),
  ],
  'webhook-payloads': [
    'getWebhookSubscription 200',
    'listWebhookDeliveries 200',
    ...['200', '404', '409'].map((status) => `replayWebhookDelivery ${status}`),
  ],
  messages: ['createDraft 402'],
}

/** The 403 of a call that only reads is met where administrators alone may read: other keys read what they reach. */
const isReading = (contract: Contract, one: string): boolean =>
  one.endsWith(' 403') && contract.operation(one.split(' ')[0] ?? '').method === 'GET'

/**
 * What is documented of the operations of a file, and neither met by its calls nor said to be impossible.
 * @returns as `getMailbox 404`; also what is said to be impossible and was met.
 */
export function unmet(contract: Contract, file: keyof typeof operationsByFile): string[] {
  const own = new Set<string>(operationsByFile[file])
  const isOwn = (one: string): boolean => own.has(one.split(' ')[0] ?? '')
  const others = new Set(Object.values(metElsewhere).flat())
  const unseen = contract.unseen().filter(isOwn)
  const missing = unseen.filter(
    (one) => !(one in unprovoked || others.has(one) || one.endsWith(' 401') || isReading(contract, one)),
  )
  const wronglyExcused = Object.keys(unprovoked).filter((one) => isOwn(one) && !unseen.includes(one))
  return [...missing, ...wronglyExcused.map((one) => `${one} was met`)]
}

/** What other files leave to this one and its calls have not met. */
export function unmetElsewhere(contract: Contract, file: keyof typeof metElsewhere): string[] {
  const unseen = new Set(contract.unseen())
  const all401 = file === 'refusals' ? [...unseen].filter((one) => one.endsWith(' 401')) : []
  return [...(metElsewhere[file] ?? []).filter((one) => unseen.has(one)), ...all401]
}
