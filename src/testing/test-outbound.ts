/** For tests of what leaves the platform: a message for the queue, with everything that a test does not care about. */

import type { OutboundMessage } from '../delivery/outbound/queue.ts'
import type { MailboxOwner } from '../messages/owner.ts'

export function outboundMessage(
  owner: MailboxOwner,
  recipients: readonly string[],
  more: Partial<OutboundMessage> = {},
): OutboundMessage {
  return {
    owner,
    kind: 'submission',
    mailFrom: 'sender@sender.example',
    smtputf8: false,
    skipBytes: 0,
    bodyBytes: 0,
    signingDomain: null,
    ret: null,
    envid: null,
    requireTls: false,
    messageId: null,
    arc: null,
    notBefore: null,
    recipients: recipients.map((address) => ({
      address,
      domain: address.slice(address.lastIndexOf('@') + 1),
      notify: null,
      orcpt: null,
    })),
    ...more,
  }
}
