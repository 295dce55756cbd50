mod golden {}
