-- inputs: messages, a list of {role, content, tool_calls, ...}
-- one text to read: a single message is its content; of a conversation each message follows its role. Tool calls, which
-- may stand in for a content, are shown as the JSON they are.
CREATE OR REPLACE MACRO as_text(messages) AS
    CASE
        WHEN len(messages) = 1 AND messages[1].role <> 'system'
            THEN concat_ws(chr(10), messages[1].content, messages[1].tool_calls)
        ELSE array_to_string(
            list_transform(
                messages,
                lambda message: message.role || ': ' || concat_ws(chr(10), message.content, message.tool_calls)
            ),
            chr(10) || chr(10)
        )
    END
