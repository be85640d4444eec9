/**
 * The error catalogue: every error that a caller can see is one row, with a code that never changes.
 * `docs/errors/CODE.md` explains each row, and a test holds the two together. A face turns a Refusal
 * into its protocol's own reply; nobody else writes an error text.
 */

export const errorCatalogue = {
  // The request itself
  invalid_request: { status: 400, title: 'The request is not valid' },
  invalid_json: { status: 400, title: 'The body is not valid JSON' },
  invalid_cursor: { status: 400, title: 'The cursor is not one that this list gave' },
  cursor_expired: { status: 410, title: 'The events behind this cursor are not kept any more' },
  stream_limit_reached: { status: 429, title: 'There are as many open streams as there may be' },
  websocket_expected: { status: 426, title: 'This address is for WebSocket connections' },
  payload_too_large: { status: 413, title: 'The body is too large' },
  unsupported_media_type: { status: 415, title: 'The content type is not supported' },
  route_not_found: { status: 404, title: 'There is no such route' },
  method_not_allowed: { status: 405, title: 'The route does not know this method' },
  rate_limited: { status: 429, title: 'Too many requests' },
  // Who is asking
  unauthenticated: { status: 401, title: 'A valid API key or session is needed' },
  login_failed: { status: 401, title: 'The e-mail address or the password is wrong' },
  forbidden: { status: 403, title: 'The key may not do this' },
  // Idempotency
  idempotency_key_invalid: { status: 400, title: 'The Idempotency-Key is not valid' },
  idempotency_key_reused: { status: 409, title: 'This Idempotency-Key came with another request before' },
  idempotency_key_in_use: { status: 409, title: 'A request with this Idempotency-Key is still running' },
  // Accounts
  workspace_not_found: { status: 404, title: 'Workspace not found' },
  workspace_not_empty: { status: 409, title: 'The workspace still has domains' },
  workspace_is_default: { status: 409, title: 'The default workspace cannot be deleted' },
  undo_impossible: { status: 409, title: 'This cannot be undone' },
  undo_conflict: { status: 409, title: 'It has been changed since, and is not undone' },
  audit_entry_not_found: { status: 404, title: 'Entry of the audit log not found' },
  api_key_not_found: { status: 404, title: 'API key not found' },
  member_not_found: { status: 404, title: 'Member not found' },
  member_exists: { status: 409, title: 'The person is a member already' },
  member_limit_reached: { status: 409, title: 'The organization has as many members as it may have' },
  last_owner: { status: 409, title: 'The organization would be without an owner' },
  email_taken: { status: 409, title: 'There is a user with this e-mail address' },
  invitation_not_found: { status: 404, title: 'There is no such invitation' },
  invitation_ended: { status: 409, title: 'The invitation is not open any more' },
  // Billing
  insufficient_funds: { status: 402, title: 'The wallet does not have enough for it' },
  wallet_locked: { status: 402, title: 'The wallet is locked' },
  billing_off: { status: 409, title: 'Nothing is sold here: billing is off' },
  subscription_not_found: { status: 404, title: 'Subscription not found' },
  subscription_exists: { status: 409, title: 'The workspace has a plan already' },
  subscription_state_conflict: { status: 409, title: 'The subscription is not in a state that allows this' },
  slots_in_use: { status: 409, title: 'Mailboxes use more slots than there would be' },
  mailbox_unpaid: { status: 402, title: 'The mailbox is not paid' },
  invoice_not_found: { status: 404, title: 'Invoice not found' },
  credit_too_large: { status: 409, title: 'It is more than what is left of the invoice' },
  item_not_priced: { status: 409, title: 'It has no price, and is not sold' },
  price_not_found: { status: 404, title: 'Price not found' },
  price_overlap: { status: 409, title: 'Another price of the same thing begins then' },
  price_state_conflict: { status: 409, title: 'The price holds already, or is over' },
  price_limit_reached: { status: 409, title: 'There are as many prices as there may be' },
  plan_not_found: { status: 404, title: 'Plan not found' },
  plan_code_taken: { status: 409, title: 'There is a plan with this code' },
  plan_limit_reached: { status: 409, title: 'There are as many plans as there may be' },
  coupon_not_found: { status: 404, title: 'Coupon not found' },
  coupon_code_taken: { status: 409, title: 'There is a coupon with this code' },
  coupon_limit_reached: { status: 409, title: 'There are as many coupons as there may be' },
  coupon_ended: { status: 409, title: 'The coupon has ended' },
  coupon_used_up: { status: 409, title: 'The coupon has been redeemed as often as it may' },
  coupon_redeemed: { status: 409, title: 'The workspace has redeemed the coupon already' },
  coupon_currency_differs: { status: 409, title: 'The coupon is of another currency than the wallet' },
  billing_currency_in_use: { status: 409, title: 'Money has moved in the present currency' },
  // Payments
  payments_manual: { status: 409, title: 'This platform takes no payments online' },
  payment_provider_failed: { status: 502, title: 'The payment provider could not be asked' },
  payment_refused: { status: 422, title: 'The payment provider does not take it' },
  payment_event_refused: { status: 400, title: 'It is not proved that the payment provider sent this' },
  payment_method_not_found: { status: 404, title: 'Payment method not found' },
  payment_method_missing: { status: 409, title: 'The workspace has no saved payment method' },
  top_up_not_found: { status: 404, title: 'Top-up not found' },
  top_up_invalid: { status: 422, title: 'The top-up is not valid' },
  top_up_state_conflict: { status: 409, title: 'The top-up is not in a state that allows this' },
  top_up_limit_reached: { status: 409, title: 'The workspace has as many open top-ups as it may have' },
  auto_top_up_invalid: { status: 422, title: 'The settings of automatic top-ups do not go together' },
  auto_top_up_consent_required: { status: 422, title: 'Automatic top-ups need the customer’s consent' },
  refund_too_large: { status: 409, title: 'There is less to refund' },
  // Domains
  domain_not_found: { status: 404, title: 'Domain not found' },
  domain_invalid: { status: 422, title: 'The domain name is not valid' },
  domain_taken: { status: 409, title: 'The domain is already connected' },
  domain_not_empty: { status: 409, title: 'The domain still has mailboxes' },
  domain_state_conflict: { status: 409, title: 'The domain is not in a state that allows this' },
  nameservers_unavailable: { status: 422, title: 'This platform has no name servers' },
  domain_settings_invalid: { status: 422, title: 'A setting of the domain is not valid' },
  domain_not_usable: { status: 409, title: 'The domain is not in a state that takes mailboxes' },
  domain_product_differs: { status: 409, title: 'The domain is for mailboxes of another product' },
  domain_tag_not_found: { status: 404, title: 'Tag not found' },
  domain_tag_taken: { status: 409, title: 'A tag of that name exists' },
  domain_tag_limit_reached: { status: 409, title: 'No more tags in this workspace' },
  // Secondaries and DNSSEC
  tsig_key_not_found: { status: 404, title: 'TSIG key not found' },
  tsig_key_taken: { status: 409, title: 'A TSIG key of that name exists' },
  tsig_key_in_use: { status: 409, title: 'A secondary uses the TSIG key' },
  dns_secondary_not_found: { status: 404, title: 'Secondary not found' },
  dns_secondary_taken: { status: 409, title: 'There is a secondary at that address and port' },
  dns_secondary_limit_reached: {
    status: 409,
    title: 'There are as many secondaries or keys as there may be',
  },
  dnssec_not_served: { status: 409, title: 'The platform does not serve the zone of this domain' },
  dnssec_parent_has_ds: { status: 409, title: 'The parent zone still has a DS record' },
  dnssec_parent_unanswered: { status: 409, title: 'The DS record of the parent zone could not be looked up' },
  // DNS hosts and records
  dns_host_not_found: { status: 404, title: 'DNS host not found' },
  dns_host_in_use: { status: 409, title: 'Domains are still kept at the DNS host' },
  dns_host_limit_reached: { status: 409, title: 'The workspace has as many DNS hosts as it may have' },
  dns_host_credentials_refused: { status: 422, title: 'The DNS host does not take the credentials' },
  dns_host_failed: { status: 502, title: 'The DNS host could not do it' },
  dns_zone_not_found: { status: 409, title: 'The DNS host has no zone for the domain' },
  domain_dns_not_driven: { status: 409, title: 'No DNS host is driven for the domain' },
  domain_dns_manual: { status: 409, title: 'The domain’s records are in its owner’s hands' },
  zone_record_not_found: { status: 404, title: 'There is no such DNS record' },
  zone_record_invalid: { status: 422, title: 'The DNS record is not valid' },
  zone_record_conflict: { status: 409, title: 'The DNS record does not go together with another' },
  zone_record_protected: { status: 409, title: 'The DNS record belongs to the platform' },
  zone_record_limit_reached: { status: 409, title: 'There are as many of these DNS records as there may be' },
  domain_limit_reached: { status: 409, title: 'The workspace has as many domains as it may have' },
  // Registrars
  domain_not_registered: { status: 404, title: 'The domain was not registered here' },
  name_not_sold: { status: 422, title: 'No registrar of this platform sells the name' },
  quote_not_found: { status: 404, title: 'There is no such quote for this order' },
  quote_expired: { status: 409, title: 'The quote is too old' },
  order_open: { status: 409, title: 'An order of the domain is under way' },
  order_not_found: { status: 404, title: 'Order not found' },
  order_state_conflict: { status: 409, title: 'The order is not in a state that allows this' },
  registrar_unavailable: { status: 503, title: 'The registrar cannot be asked now' },
  contact_not_found: { status: 404, title: 'Contact not found' },
  contact_in_use: { status: 409, title: 'An order that names the contact is under way' },
  contact_limit_reached: { status: 409, title: 'The workspace has as many contacts as it may have' },
  markup_not_found: { status: 404, title: 'There is no markup of this suffix' },
  markup_limit_reached: { status: 409, title: 'There are as many markups as there may be' },
  // Mailboxes
  mailbox_not_found: { status: 404, title: 'Mailbox not found' },
  address_invalid: { status: 422, title: 'The address is not valid' },
  address_taken: { status: 409, title: 'The address is already in use' },
  address_repeated: { status: 422, title: 'The address occurs twice in the request' },
  service_connection_not_found: { status: 404, title: 'Service connection not found' },
  service_connection_in_use: { status: 409, title: 'Mailboxes are still at the service connection' },
  service_connection_limit_reached: {
    status: 409,
    title: 'The workspace has as many service connections as it may have',
  },
  service_credentials_refused: { status: 422, title: 'The service does not take the credentials' },
  service_failed: { status: 502, title: 'The service could not do it' },
  // Sequencers
  sequencer_not_found: { status: 404, title: 'Sequencer not found' },
  sequencer_in_use: { status: 409, title: 'Mailboxes are still at the sequencer' },
  sequencer_limit_reached: { status: 409, title: 'The workspace has as many sequencers as it may have' },
  sequencer_key_refused: { status: 422, title: 'The sequencer does not take the key' },
  sequencer_failed: { status: 502, title: 'The sequencer could not do it' },
  export_not_found: { status: 404, title: 'Export not found' },
  export_file_not_found: { status: 404, title: 'The export has no such file' },
  export_limit_reached: { status: 409, title: 'As many exports are running as may run' },
  setup_not_found: { status: 404, title: 'Setup not found' },
  mailbox_not_exportable: { status: 409, title: 'The mailbox cannot be exported' },
  mailbox_not_remote: { status: 404, title: 'The mailbox is not kept at a service by this platform' },
  service_unavailable: { status: 422, title: 'The service is not set up on this platform' },
  service_cannot: { status: 409, title: 'The service of the mailbox cannot do this by its interface' },
  password_too_weak: { status: 422, title: 'The password is too weak' },
  app_password_not_found: { status: 404, title: 'App password not found' },
  app_password_taken: { status: 409, title: 'The mailbox has an app password of that name' },
  app_password_limit_reached: { status: 409, title: 'The mailbox has as many app passwords as it may have' },
  app_passwords_unsupported: { status: 409, title: 'The service of the mailbox has no app passwords here' },
  totp_unsupported: { status: 422, title: 'The mailbox’s service has two-factor authentication of its own' },
  totp_state_conflict: { status: 409, title: 'Two-factor authentication is not in a state that allows this' },
  totp_secret_invalid: { status: 422, title: 'The TOTP secret is not valid' },
  totp_code_wrong: { status: 422, title: 'The code is not right' },
  totp_paused: { status: 429, title: 'Too many wrong codes' },
  mailbox_state_conflict: { status: 409, title: 'The mailbox is not in a state that allows this' },
  mailbox_details_invalid: { status: 422, title: 'A detail of the mailbox is not valid' },
  picture_not_found: { status: 404, title: 'The mailbox has no picture' },
  picture_invalid: { status: 422, title: 'The picture cannot be used' },
  pictures_busy: { status: 503, title: 'Too many pictures are being worked on' },
  batch_not_found: { status: 404, title: 'Batch not found' },
  // Identities
  identity_not_found: { status: 404, title: 'Identity not found' },
  handle_invalid: { status: 422, title: 'The handle is not valid' },
  handle_taken: { status: 409, title: 'The handle is already in use' },
  agent_unclaimed: { status: 403, title: 'The agent may not do this before its human has claimed it' },
  agent_signup_off: { status: 403, title: 'Agents cannot sign up by themselves here' },
  agent_signup_not_found: { status: 404, title: 'Signup of an agent not found' },
  agent_signup_limit_reached: { status: 429, title: 'Too many signups, codes or guesses' },
  agent_signup_code_wrong: { status: 401, title: 'The code is not the one that was mailed' },
  agent_signup_code_expired: { status: 410, title: 'The code is too old' },
  identity_exists: { status: 409, title: 'The mailbox has an identity' },
  identity_has_mailbox: { status: 409, title: 'The identity has a mailbox' },
  mailbox_limit_reached: { status: 409, title: 'There are as many mailboxes as there may be' },
  mailbox_limit_not_found: { status: 404, title: 'There is no such limit of mailboxes' },
  too_many_mailbox_limits: { status: 409, title: 'There are as many limits of mailboxes as there may be' },
  mailbox_request_not_found: { status: 404, title: 'Mailbox request not found' },
  scheduled_mailbox_not_found: { status: 404, title: 'Scheduled mailbox not found' },
  mailbox_request_state_conflict: {
    status: 409,
    title: 'The mailbox request is not in a state that allows this',
  },
  csv_invalid: { status: 422, title: 'The file has lines that cannot be taken' },
  // Addresses, forwards and filters
  address_not_found: { status: 404, title: 'There is no such address' },
  address_limit_reached: { status: 409, title: 'There are as many of these addresses as there may be' },
  forward_target_invalid: { status: 422, title: 'Mail cannot be forwarded to this address' },
  domain_alias_not_found: { status: 404, title: 'The domain is no alias' },
  domain_alias_conflict: { status: 409, title: 'The domain cannot be an alias of that one' },
  filter_not_found: { status: 404, title: 'Filter not found' },
  filter_invalid: { status: 422, title: 'The filter is not valid' },
  filter_limit_reached: { status: 409, title: 'The mailbox has as many filters as it may have' },
  edit_conflict: { status: 412, title: 'The object was changed by someone else' },
  // Messages
  draft_not_found: { status: 404, title: 'Draft not found' },
  draft_not_editable: { status: 409, title: 'The draft cannot be edited here' },
  scheduled_message_not_found: { status: 404, title: 'There is no such message waiting to be sent' },
  schedule_limit_reached: { status: 409, title: 'The mailbox has as many scheduled messages as it may have' },
  attachment_not_found: { status: 404, title: 'The message has no such attachment' },
  message_not_found: { status: 404, title: 'Message not found' },
  thread_not_found: { status: 404, title: 'Thread not found' },
  range_not_satisfiable: { status: 416, title: 'There is nothing in this range' },
  deleted_message_not_found: { status: 404, title: 'There is no such message to restore' },
  folder_not_found: { status: 404, title: 'Folder not found' },
  folder_exists: { status: 409, title: 'A folder of that name exists' },
  folder_name_invalid: { status: 422, title: 'The folder name is not valid' },
  folder_is_inbox: { status: 409, title: 'INBOX cannot be deleted' },
  folder_limit_reached: { status: 409, title: 'The mailbox has as many folders as it may have' },
  special_use_taken: { status: 409, title: 'The mailbox has a folder of that use' },
  quota_exceeded: { status: 409, title: 'The mailbox is full' },
  recipient_blocked: { status: 403, title: 'The lists of the mailbox keep it from writing to a recipient' },
  recipient_refused: { status: 422, title: 'A recipient cannot be written to' },
  annotation_name_invalid: { status: 422, title: 'The name of an annotation is not valid' },
  annotation_too_large: { status: 413, title: 'The annotation is too large' },
  annotation_limit_reached: { status: 409, title: 'There are as many annotations as there may be' },
  label_invalid: { status: 422, title: 'A label cannot have that name' },
  wait_limit_reached: { status: 429, title: 'As many calls wait for messages as may' },
  import_not_found: { status: 404, title: 'There is no such import' },
  import_limit_reached: { status: 409, title: 'The mailbox has as many imports as may wait' },
  import_quota_reached: { status: 429, title: 'The workspace has opened as many imports as it may in a day' },
  import_not_pending: { status: 409, title: 'The import waits for no upload' },
  import_ended: { status: 409, title: 'The import has ended' },
  import_unreadable: { status: 422, title: 'The file cannot be read' },
  keyword_limit_reached: { status: 409, title: 'The message has as many keywords as it may have' },
  // Delivery
  suppression_not_found: { status: 404, title: 'The address is not on the suppression list' },
  // Sender lists
  sender_list_entry_exists: { status: 409, title: 'The sender list has an entry with that pattern' },
  sender_list_entry_not_found: { status: 404, title: 'There is no such entry in the sender list' },
  sender_list_limit_reached: { status: 409, title: 'The sender list has as many entries as it may have' },
  // Sending
  sending_limit_reached: { status: 429, title: 'A sending limit is reached' },
  outbound_not_found: { status: 404, title: 'There is no such outbound message or recipient' },
  outbound_state_conflict: { status: 409, title: 'The recipient is not in a state that allows this' },
  sending_paused: { status: 409, title: 'Sending is paused' },
  sending_not_allowed: { status: 403, title: 'The sending mode of the mailbox lets nothing leave it' },
  approval_not_found: { status: 404, title: 'There is no such message that waits for an approval' },
  approval_state_conflict: { status: 409, title: 'The message does not wait for an approval any more' },
  relay_not_found: { status: 404, title: 'Relay not found' },
  // Webhooks
  webhook_not_found: { status: 404, title: 'Webhook not found' },
  webhook_limit_reached: { status: 409, title: 'The workspace has as many webhooks as it may have' },
  webhook_exists: { status: 409, title: 'An event is sent to this URL for this owner already' },
  webhook_state_conflict: { status: 409, title: 'The webhook is not in a state that allows this' },
  webhook_delivery_not_found: { status: 404, title: 'There is no such delivery of the webhook' },
  // Tests
  test_clock_off: { status: 404, title: 'The test clock is off' },
  // Ours
  shutting_down: { status: 503, title: 'The server is stopping' },
  not_ready: { status: 503, title: 'The server is not ready' },
  internal: { status: 500, title: 'Something went wrong on our side' },
} as const satisfies Record<string, { status: number; title: string }>

export type ErrorCode = keyof typeof errorCatalogue

/** One thing that is wrong in the input, pointed at by JSON Pointer (RFC 6901). */
export type FieldProblem = { pointer: string; detail: string }

export type RefusalFacts = Readonly<Record<string, string | number | null>>
/** How many there may be, and how many there are; of a rate, in its minute. `per`: what has so many, where it could be either. */
export type Quota = { max: number; used: number; per?: 'domain' | 'workspace' }

/**
 * An expected refusal of the core. It is thrown, because what it interrupts is a transaction that
 * must roll back. `detail` is public; whatever must stay inside belongs in `cause`.
 */
export class Refusal extends Error {
  readonly code: ErrorCode
  readonly detail: string
  readonly fields: readonly FieldProblem[]
  /** How long to wait before it is worth to ask again, in seconds; null: that cannot be said. */
  readonly retryAfterSeconds: number | null
  /** What a program may want to know of it besides: the id of what is in the way, a limit in bytes. */
  readonly facts: RefusalFacts
  /** Of a refusal for want of room or for a rate; null where there is no number to tell. */
  readonly quota: Quota | null

  constructor(
    code: ErrorCode,
    detail?: string,
    more: {
      fields?: readonly FieldProblem[]
      retryAfterSeconds?: number
      facts?: RefusalFacts
      quota?: Quota
      cause?: unknown
    } = {},
  ) {
    super(detail ?? errorCatalogue[code].title, { cause: more.cause })
    this.name = 'Refusal'
    this.code = code
    this.detail = detail ?? errorCatalogue[code].title
    this.fields = more.fields ?? []
    this.retryAfterSeconds = more.retryAfterSeconds ?? null
    this.facts = more.facts ?? {}
    this.quota = more.quota ?? null
  }
}
