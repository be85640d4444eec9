/**
 * The table that replies are classified by: the first rule that fits decides. Enhanced codes that are never misused
 * come first, then words, then the codes that many servers use for anything (5.7.1, 5.1.1, 5.2.0), then bare codes.
 * corpus.txt has what each rule is for; a rule that no line of it needs fails the tests.
 */
import type { BounceClass, Classified, RemoteReply } from './classes.ts'

export type Rule = {
  /** Of the basic code, as text; '0' is no reply. */
  code?: RegExp
  /** Of the enhanced code; '' is none. */
  enhanced?: RegExp
  stages?: readonly RemoteReply['stage'][]
  text?: RegExp
  class: BounceClass
  concerns: Classified['concerns']
  /** Default: 5yz is permanent, 4yz and no reply are not. */
  isPermanent?: boolean
}

/** No reply, and codes with one meaning (RFC 3463, RFC 7372, RFC 7505, and those that Google and Microsoft keep to). */
const decisiveCodes: readonly Rule[] = [
  {
    code: /^0$/,
    stages: ['dns'],
    text: /nxdomain|enotfound|null mx/i,
    class: 'dns',
    concerns: 'recipient',
    isPermanent: true,
  },
  { code: /^0$/, stages: ['dns'], class: 'dns', concerns: 'destination' },
  { code: /^0$/, stages: ['tls'], class: 'tls', concerns: 'destination' },
  { code: /^0$/, class: 'connection', concerns: 'destination' },
  { code: /^556$/, class: 'dns', concerns: 'recipient' },
  { enhanced: /^5\.4\.310$/, class: 'dns', concerns: 'recipient' },
  { enhanced: /\.4\.312$/, class: 'dns', concerns: 'destination' },
  { enhanced: /\.4\.316$/, class: 'connection', concerns: 'destination' },
  { enhanced: /\.1\.8$/, text: /domain|resolve/i, class: 'dns', concerns: 'sender' },
  { enhanced: /\.7\.2[57]$/, text: /ptr|hostname|null mx/i, class: 'dns', concerns: 'sender' },
  { enhanced: /\.2\.2$/, class: 'mailbox_full', concerns: 'recipient' },
  { enhanced: /\.3\.4$/, class: 'message_too_large', concerns: 'message' },
  { enhanced: /^5\.(1\.6|1\.10|7\.1[78])$/, class: 'unknown_recipient', concerns: 'recipient' },
  { enhanced: /\.7\.(10|29)$/, class: 'tls', concerns: 'destination' },
  {
    enhanced: /\.7\.(2[0-7]|3[02]|509|515)$/,
    text: /^(?!requiretls)/i,
    class: 'authentication',
    concerns: 'sender',
  },
  { enhanced: /\.7\.(28|500|508|65[0-2]|705)$/, class: 'rate_limited', concerns: 'sender' },
  { enhanced: /^5\.2\.12[12]$/, class: 'rate_limited', concerns: 'recipient' },
  { enhanced: /^5\.7\.(50[1-3]|511|60[67]|708)$/, class: 'blocked', concerns: 'sender' },
  { enhanced: /\.7\.520$/, class: 'content', concerns: 'message' },
]

/** Words about who sends and how: they stand in replies that have words of the next list in them as well. */
const wordsOnSending: readonly Rule[] = [
  {
    text: /gr[ae]y-?list|\[gl01\]|address verification in progress/i,
    class: 'greylisted',
    concerns: 'sender',
  },
  {
    text: /resolver\.rst\.(?!recipsize)|by recipient's|user reject|manually blocked senders|not allowed to this address/i,
    class: 'policy',
    concerns: 'recipient',
  },
  { text: /\bspf\b|\bdkim\b|\bdmarc\b|authentication checks/i, class: 'authentication', concerns: 'sender' },
  {
    text: /too many hops|hop count|mail loop|looping|loops back/i,
    class: 'routing',
    concerns: 'destination',
  },
  {
    text: /relay(ing)? (access )?(denied|not permitted)|unable to relay|rcpthosts/i,
    class: 'routing',
    concerns: 'destination',
  },
  {
    text: /must issue a starttls|requiretls|mta-sts|tls not available/i,
    class: 'tls',
    concerns: 'destination',
  },
  {
    text: /receiving (too much )?mail|recipient thread limit|exceeded their message rate/i,
    class: 'rate_limited',
    concerns: 'recipient',
  },
  { text: /too many recipients(?! received)/i, class: 'policy', concerns: 'message' },
  { text: /too many errors/i, class: 'protocol', concerns: 'destination' },
  { text: /too many complaints/i, class: 'blocked', concerns: 'sender' },
  {
    text: /rate[ -]?limit|too many|throttl|unexpected volume|user complaints|send(ing|er thread)? limit|connection limit|max defers|frequen|sending activity/i,
    class: 'rate_limited',
    concerns: 'sender',
  },
  { text: /retrying will not succeed/i, class: 'blocked', concerns: 'sender', isPermanent: true },
  {
    text: /reverse (dns|hostname)|dns ptr|host not found|invalid dns mx|sender address rejected: domain|dns check failed|valid mx for sender/i,
    class: 'dns',
    concerns: 'sender',
  },
  { text: /\bhelo (command rejected: need|name|is)|bad helo/i, class: 'protocol', concerns: 'destination' },
  {
    text: /dnsbl|blocked using|black ?list|block list|spamhaus|sorbs|\brbl\b|(?<!not )listed in|proofpoint\.|poor reputation (sender|on)|a poor|mta's poor|low reputation/i,
    class: 'blocked',
    concerns: 'sender',
  },
  {
    text: /dynamic ip|banned (sender|sending)|bad outbound|namespace mining|ip\/domain reputation|badmailfrom|ip address .{0,40}blocked|blocked.{0,40}lookup page|client host|outgoing blocked|a problem occurred|:blocked\)|sender address rejected: access/i,
    class: 'blocked',
    concerns: 'sender',
  },
]

/** Words about the message and the recipient. */
const wordsOnMessage: readonly Rule[] = [
  {
    text: /not allowed to connect|administrative prohibition|policy reasons(?!.{0,60}spam)|policy restrictions|\[(cs|hm)\d+\]|aol will not/i,
    class: 'policy',
    concerns: 'sender',
  },
  {
    text: /banned: \.|virus or other|rejected due to virus|infected|malicious|security issue|unacceptable content/i,
    class: 'content',
    concerns: 'message',
  },
  {
    text: /spam|unsolicited|poor reputation|message filtered|content denied|message content|dt:spm/i,
    class: 'spam',
    concerns: 'message',
  },
  {
    text: /too large|size (exceed|limit for)|email size|message size/i,
    class: 'message_too_large',
    concerns: 'message',
  },
  {
    enhanced: /^5\.4\.1$/,
    text: /recipient address rejected: access/i,
    class: 'unknown_recipient',
    concerns: 'recipient',
  },
  { text: /recipient address rejected: access/i, class: 'policy', concerns: 'recipient' },
  {
    text: /over ?quota|quota exceeded|quotaexceeded|mailbox .{0,40}is full|exceeded storage|mailbox full/i,
    class: 'mailbox_full',
    concerns: 'recipient',
  },
  {
    text: /disabled|inactive|suspended|frozen|expired|archived|locked|no longer accepts|mailbox busy/i,
    class: 'mailbox_unavailable',
    concerns: 'recipient',
  },
  { enhanced: /^5\.1\.7$/, class: 'protocol', concerns: 'message' },
  {
    text: /sender (address|verify)|mail from this domain|authentication required|to send mail|message not allowed/i,
    class: 'policy',
    concerns: 'sender',
  },
  {
    text: /unknown user|user unknown|unknown recipient|recipient unknown|user .{0,80}unknown|no such (user|recipient|mailbox)|not? found|doesn't (have|exist)|does not exist|no mailbox|not listed|unrouteable|known users only|valid recipient/i,
    class: 'unknown_recipient',
    concerns: 'recipient',
  },
  {
    text: /RFC ?5322|rfc 532[12] compliant|valid address in from|line length|header line|bare linefeeds|malformed/i,
    class: 'protocol',
    concerns: 'message',
  },
]

/** What codes mean where the words say nothing. */
const codes: readonly Rule[] = [
  { enhanced: /^5\.1\.[0-3]$/, class: 'unknown_recipient', concerns: 'recipient' },
  { enhanced: /\.2\.1$/, class: 'mailbox_unavailable', concerns: 'recipient' },
  { enhanced: /\.2\.0$/, stages: ['mail'], class: 'policy', concerns: 'sender' },
  { enhanced: /\.2\.0$/, class: 'other', concerns: 'recipient' },
  { enhanced: /\.6\.1$/, class: 'content', concerns: 'message' },
  { enhanced: /\.6\.\d+$/, class: 'protocol', concerns: 'message' },
  { stages: ['auth'], class: 'policy', concerns: 'sender' },
  { enhanced: /^4\.4\.2$/, class: 'connection', concerns: 'destination' },
  { enhanced: /^5\.7\.[01]$/, class: 'policy', concerns: 'destination' },
  { code: /^521$/, class: 'dns', concerns: 'recipient' },
  { code: /^5(0[0-4]|55)$/, class: 'protocol', concerns: 'destination' },
  {
    text: /mailbox unavailable|mailbox name|no longer valid|not local/i,
    code: /^55[0134]$/,
    class: 'unknown_recipient',
    concerns: 'recipient',
  },
  { text: /^transaction failed/i, class: 'other', concerns: 'message' },
  {
    text: /access denied|permanently rejected|rejected by destination|no smtp service/i,
    class: 'policy',
    concerns: 'destination',
  },
  { text: /service not available|ports are busy/i, class: 'connection', concerns: 'destination' },
]

export const rules: readonly Rule[] = [...decisiveCodes, ...wordsOnSending, ...wordsOnMessage, ...codes]
