module llmbot/verdict

go 1.26.0
